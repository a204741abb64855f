-- What wrk sends: GET of each line's path, or POST of each line as a body, so many a second in all, or as fast as it goes.
-- wrk ... -s load.lua URL -- FILE TOKEN RATE [PATH-OF-POST]

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds; long nanos; } moment; int clock_gettime(int, moment *);")
local reading = ffi.new("moment")
local lines, path, rate, due, asked = {}, nil, 0, nil, 0
late = 0

local function now()
   ffi.C.clock_gettime(1, reading)
   return tonumber(reading.seconds) * 1000 + tonumber(reading.nanos) / 1e6
end

local function wait()
   due = due or now()
   -- Clients know nothing of one another: gaps are drawn, and not all the same.
   due = due - math.log(1 - math.random()) * 1000 / rate
   local left = due - now()
   if left < -1 then late = late + 1 end
   return math.max(0, math.floor(left + 0.5))
end

local threads = {}
function setup(thread) table.insert(threads, thread) end

function init(args)
   for line in io.lines(args[1]) do table.insert(lines, line) end
   rate, path = tonumber(args[3]), args[4]
   wrk.headers["Authorization"] = "Bearer " .. args[2]
   if path then wrk.method, wrk.headers["Content-Type"] = "POST", "application/json" end
   if rate > 0 then delay = wait end
end

function request()
   asked = asked + 1
   local line = lines[(asked - 1) % #lines + 1]
   return path and wrk.format(nil, path, nil, line) or wrk.format(nil, line)
end

function done(summary, latency)
   local errors, behind = summary.errors, 0
   for _, thread in ipairs(threads) do behind = behind + thread:get("late") end
   io.write(string.format(
      '\n{"requests": %d, "seconds": %.3f, "median_ms": %.2f, "p99_ms": %.2f, "max_ms": %.2f, "late": %d, "failed": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      latency.max / 1e3, behind,
      errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
