-- Add one unit of the same product to a random cart: every request wants the same row.
local shop = require("shop")
local known
shop.report(shop.count_answers())

function init(words) known = shop.arguments(words) end

function request()
  local cart = math.random(known.first, known.last)
  local body = '{"variant_id":"' .. shop.variant(42) .. '","quantity":1}'
  return wrk.format("POST", shop.prefix .. "/cart/items", shop.headers(known.run, shop.token(cart)), body)
end
