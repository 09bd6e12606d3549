-- What wrk asks for: the same page with each header in turn, and every so often over a new connection.
-- Arguments: after how many requests a connection is closed (0: never), a text that each page must contain
-- ("": any page is good), then the headers.
local asked, every, kept, closed, threads = 0, 0, {}, {}, {}
lacking = 0 -- pages without the text; global, as `done` reads it from outside the thread

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  every = tonumber(args[1])
  local text = args[2]
  for number = 3, math.max(3, #args) do
    local name, value = (args[number] or ""):match("^(%S+): (.*)$")
    local headers = name and { [name] = value } or {}
    kept[#kept + 1] = wrk.format(nil, nil, headers)
    headers["Connection"] = "close"
    closed[#closed + 1] = wrk.format(nil, nil, headers)
  end
  if text ~= "" then
    function response(_, _, body) -- wrk takes the time before it calls this
      if not body:find(text, 1, true) then lacking = lacking + 1 end
    end
  end
end

function request()
  asked = asked + 1
  local requests = (every > 0 and asked % every == 0) and closed or kept
  return requests[asked % #requests + 1]
end

-- One line for `benchmarks.servers.load`; times are in seconds.
function done(summary, latency)
  local errors, without = summary.errors, 0
  for _, thread in ipairs(threads) do without = without + thread:get("lacking") end
  local line = '\n{"seconds": %f, "answers": %d, "refused": %d, "late": %d, "lacking": %d, "p50": %f, "p99": %f}\n'
  io.write(line:format(summary.duration / 1e6, summary.requests, errors.status, errors.timeout, without,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end
