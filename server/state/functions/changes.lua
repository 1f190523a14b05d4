-- Read the changes of messages out of a log: edits, deletions, reactions and pins alone.
--
-- KEYS - log
-- ARGV - id of the first entry to look at, most entries to look at
--
-- Returns {1 when the first entry is there, id of the last entry looked at or '' when that
-- was the end of the log, changes as XRANGE gives them}.

local CHANGE = {e = true, x = true, a = true, n = true}

local function changes(keys, args)
  local count = tonumber(args[2])
  local entries = redis.call('XRANGE', keys[1], args[1], '+', 'COUNT', count)
  local found = {}
  for _, entry in ipairs(entries) do
    if CHANGE[entry[2][1]] then
      found[#found + 1] = entry
    end
  end
  local there = entries[1] and entries[1][1] == args[1]
  return {there and 1 or 0, #entries == count and entries[count][1] or '', found}
end

redis.register_function{function_name = 'changes', callback = changes, flags = {'no-writes'}}
