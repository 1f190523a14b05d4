-- Give messages a position, in the order given; every message is decided on its own.
--
-- KEYS[1] - head, KEYS[2] - events channel, KEYS[3] - drain
-- KEYS[4…] - five per message: room, log, members, seen, rate
-- ARGV[1] - events that the log keeps, ARGV[2] - ms for which a cid is remembered
-- ARGV[3] - most records in the drain, ARGV[4] - ms between messages of a person or 0
-- ARGV[5] - messages that may come at once
-- ARGV[6…] - four per message: room id, user id, event head, event tail
--
-- Returns one row per message: {'ok' | 'dup', epoch, seq, at} or {code}, where code is
-- cold, room_gone, not_a_member, rate_limited (with ms to wait) or storage_backlog.

local function publish(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local log_events, seen_ms = tonumber(args[1]), args[2]
  local space = tonumber(args[3]) - redis.call('XLEN', keys[3])
  local interval, burst = tonumber(args[4]), tonumber(args[5])
  local rows = {}
  local k, a = 4, 6
  while k <= #keys do
    local id, user = args[a], args[a + 1]
    local known = redis.call('GET', keys[k + 3])
    if known then
      local epoch, seq, at = string.match(known, '^(%d+)-(%d+)-(%d+)')
      rows[#rows + 1] = {'dup', epoch, seq, at}
    else
      local room = load_room(partition, id, keys[k], keys[k + 1])
      local role = room.state == 'live' and role_of(redis.call('HGET', keys[k + 2], user))
      local wait
      if not room.state then
        rows[#rows + 1] = {'cold'}
      elseif room.state ~= 'live' then
        rows[#rows + 1] = {'room_gone'}
      elseif not role or role == 'banned' then
        rows[#rows + 1] = {'not_a_member'}
      elseif space <= 0 then
        rows[#rows + 1] = {'storage_backlog'}
      else
        wait = interval > 0 and over_rate(partition, keys[k + 4], interval, burst)
        if wait then
          rows[#rows + 1] = {'rate_limited', text(math.ceil(wait))}
        else
          local epoch, seq =
            append(partition, room, 'm', user, args[a + 2], args[a + 3], log_events)
          local at = text(partition.now)
          redis.call('SET', keys[k + 3], epoch .. '-' .. seq .. '-' .. at, 'PX', seen_ms)
          space = space - 1
          rows[#rows + 1] = {'ok', epoch, seq, at}
        end
      end
    end
    k, a = k + 5, a + 4
  end
  commit(partition)
  return rows
end

redis.register_function('publish', publish)
