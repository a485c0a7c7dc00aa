-- What every load shares: the ids and tokens that bench/seed/ids.sql makes, keys, and the report at the end.
local shop = { prefix = "/api/v1" }

function shop.token(n) return string.format("ct_%043d", n) end

function shop.id(kind, n) return string.format("00000000-0000-7%s-8000-%012x", kind, n) end

function shop.variant(n) return shop.id("002", n) end

-- One of the five products that cart `n` holds, as in the baselines.
function shop.product_of(n, products) return (n * 7919 + math.random(1, 5) * 1999) % products + 1 end

-- Arguments after wrk's `--`: a run's own name, then name=value pairs of whole numbers.
function shop.arguments(words)
  local known = {}
  for i = 2, #words do
    local name, value = words[i]:match("^(%w+)=(%d+)$")
    known[name] = tonumber(value)
  end
  local seed = 0
  for i = 1, #words[1] do seed = (seed * 31 + words[1]:byte(i)) % 2147483647 end
  math.randomseed(seed)
  known.run = words[1]
  return known
end

-- A cart token or staff credential and a key of its own for every request, as clients of the API send them.
local sent = 0
function shop.headers(run, token)
  sent = sent + 1
  return {
    ["Authorization"] = "Bearer " .. token,
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = string.format("%s-%d", run, sent),
  }
end

-- Counts answers by status in each thread, where `done` cannot look; it reads the globals of the thread instead.
function shop.count_answers()
  conflicts, refusals = 0, 0
  local threads = {}
  function setup(thread) table.insert(threads, thread) end
  function response(status)
    if status == 409 then
      conflicts = conflicts + 1
    elseif status < 200 or status > 299 then
      refusals = refusals + 1
      if refusals == 1 then first_refusal = status end
    end
  end
  return threads
end

-- One line of JSON; latencies in microseconds.
function shop.report(threads)
  function done(summary, latency, _)
    local found_conflicts, found_refusals, first = 0, summary.errors.status, 0
    for _, thread in ipairs(threads or {}) do
      found_conflicts = found_conflicts + thread:get("conflicts")
      first = thread:get("first_refusal") or first
    end
    io.write(string.format(
      '{"requests":%d,"duration_us":%d,"p50_us":%d,"p95_us":%d,"p99_us":%d,"max_us":%d,' ..
      '"conflicts":%d,"refused":%d,"first_refusal":%d,"broken":%d,"timeouts":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
      latency.max, found_conflicts, found_refusals, first,
      summary.errors.connect + summary.errors.read + summary.errors.write, summary.errors.timeout))
  end
end

return shop
