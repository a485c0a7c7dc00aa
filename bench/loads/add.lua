-- Add one unit of a product that a random cart holds already: everything an add writes, spread over all products.
-- With minimal=1 only the change is asked for, instead of the whole cart.
local shop = require("shop")
local known
shop.report(shop.count_answers())

function init(words) known = shop.arguments(words) end

function request()
  local cart = math.random(known.first, known.last)
  local body = '{"variant_id":"' .. shop.variant(shop.product_of(cart, known.products)) .. '","quantity":1}'
  local headers = shop.headers(known.run, shop.token(cart))
  if known.minimal == 1 then headers["Prefer"] = "return=minimal" end
  return wrk.format("POST", shop.prefix .. "/cart/items", headers, body)
end
