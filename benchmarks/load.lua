-- What wrk asks for: the same page with each header in turn, and once in a while over a new connection.
-- Arguments: after how many requests a connection is closed (0: never), then the headers.
local asked, every, kept, closed = 0, 0, {}, {}

function init(args)
  every = tonumber(args[1])
  for number = 2, math.max(2, #args) do
    local name, value = (args[number] or ""):match("^(%S+): (.*)$")
    local headers = name and { [name] = value } or {}
    kept[#kept + 1] = wrk.format(nil, nil, headers)
    headers["Connection"] = "close"
    closed[#closed + 1] = wrk.format(nil, nil, headers)
  end
end

function request()
  asked = asked + 1
  local requests = (every > 0 and asked % every == 0) and closed or kept
  return requests[asked % #requests + 1]
end

-- One line for `benchmarks.load`; times are in seconds.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('\n{"seconds": %f, "answers": %d, "refused": %d, "late": %d, "p50": %f, "p99": %f}\n',
    summary.duration / 1e6, summary.requests, errors.status, errors.timeout,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end
