-- Reservations for wrk, each by another customer and with its own key:
--
--   wrk -t2 -c256 -d10s -s loadtest/wrk/reserve.lua http://127.0.0.1:8080 -- concert-a standing
--
-- After the URL: event and pool, by default the demo event. In mode `keys`, ONSALE_KEY in the environment is
-- the key of a shop. wrk waits for each answer before it sends
-- the next request of a connection, so its latencies leave out those who could not even ask: for what
-- fans feel use `loadtest flash-sale --rate`.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init(args)
  local event, pool = args[1] or "concert-a", args[2] or "standing"
  path = "/v1/events/" .. event .. "/reservations"
  lines = '","lines":[{"pool":"' .. pool .. '","quantity":1}]}'
  -- A second run must not repeat the keys of the first: it would only be told what that bought.
  run = string.format("wrk-%d-%d-", os.time(), number)
  sent, reserved, refused, failed = 0, 0, 0, 0
  headers = { ["Content-Type"] = "application/json" }
  local key = os.getenv("ONSALE_KEY")
  if key then
    headers["Authorization"] = "Bearer " .. key
  end
end

function request()
  sent = sent + 1
  local name = run .. sent
  headers["Idempotency-Key"] = name
  return wrk.format("POST", path, headers, '{"customer":"' .. name .. lines)
end

function response(status)
  if status == 201 then
    reserved = reserved + 1
  elseif status == 409 then
    refused = refused + 1
  else
    failed = failed + 1
  end
end

function done(summary)
  local total = { reserved = 0, refused = 0, failed = 0 }
  for _, thread in ipairs(threads) do
    for name, count in pairs(total) do
      total[name] = count + thread:get(name)
    end
  end
  local seconds = summary.duration / 1e6
  print(string.format("reserved %d (%.0f/s), refused %d, failed %d",
    total.reserved, total.reserved / seconds, total.refused, total.failed))
end
