-- Thousands of readers of one event's page and of what is left, for wrk. Many try what usually leads around a cache.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init()
  math.randomseed(number)
  read, unchanged, failed, cached = 0, 0, 0, 0
  codings = { "gzip", "br", "identity", "gzip, deflate, br", "*" }
end

function request()
  local path = "/v1/events/concert-a"
  if math.random(2) == 1 then path = path .. "/availability" end
  local headers = { ["Accept-Encoding"] = codings[math.random(#codings)] }
  local trick = math.random(8)
  if trick == 1 then path = path .. "?" .. math.random(1e9) end
  if trick == 2 then headers["Origin"] = "https://shop-" .. math.random(1e9) .. ".example" end
  if trick == 3 then headers["Authorization"] = "Bearer " .. math.random(1e9) end
  if trick == 4 then headers["Cache-Control"] = "no-cache" end
  if trick == 5 then headers["If-None-Match"] = '"' .. math.random(1e9) .. '"' end
  if trick == 6 then headers["Cookie"] = "a=" .. math.random(1e9) end
  return wrk.format("GET", path, headers)
end

-- Each reads again after some seconds, as people do.
function delay()
  return math.random(2000, 8000)
end

function response(status, headers)
  if status == 200 then read = read + 1 elseif status == 304 then unchanged = unchanged + 1 else failed = failed + 1 end
  local how = headers["X-Cache"]
  if how == "HIT" or how == "UPDATING" or how == "STALE" or how == "REVALIDATED" then cached = cached + 1 end
end

function done(summary)
  local total = { read = 0, unchanged = 0, failed = 0, cached = 0 }
  for _, thread in ipairs(threads) do
    for name, count in pairs(total) do total[name] = count + thread:get(name) end
  end
  print(string.format("read %d, unchanged %d, from the cache %d, failed %d, seconds %.3f", total.read, total.unchanged,
    total.cached, total.failed, summary.duration / 1e6))
end
