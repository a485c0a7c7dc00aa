-- Complete the next of the checkouts that were prepared; each has three lines and is completed once.
local shop = require("shop")
local known, next_one
shop.report(shop.count_answers())

function init(words)
  known = shop.arguments(words)
  next_one = known.first - 1
end

-- What the three lines come to; their prices are a hundred and the product's number.
local function total(cart)
  local sum = 0
  for k = 1, 3 do sum = sum + 100 + (cart * 7919 + k * 1999) % known.products + 1 end
  return sum
end

function request()
  next_one = next_one + 1
  local body = string.format('{"expected_total":{"amount":%d,"currency":"USD"}}', total(next_one))
  local path = shop.prefix .. "/checkouts/" .. shop.id("006", next_one) .. "/complete"
  return wrk.format("POST", path, shop.headers(known.run, shop.token(next_one)), body)
end
