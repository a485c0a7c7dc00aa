-- Get a random cart of five lines.
local shop = require("shop")
local known
shop.report()

function init(words) known = shop.arguments(words) end

function request()
  local cart = math.random(known.first, known.last)
  return wrk.format("GET", shop.prefix .. "/cart", { ["Authorization"] = "Bearer " .. shop.token(cart) })
end
