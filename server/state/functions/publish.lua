-- Give messages a position, in the order given; every message is decided on its own.
--
-- KEYS[1] - head, KEYS[2] - events channel, KEYS[3] - drain
-- KEYS[4…] - four per message: room, log, members, seen
-- ARGV[1] - events that the log keeps, ARGV[2] - ms for which cids are remembered
-- ARGV[3] - most records in the drain
-- ARGV[4…] - five per message: room id, user id, cid, event head, event tail
--
-- Returns one row per message: {'ok' | 'dup', epoch, seq, at} or {code}, where code is
-- cold, room_gone, not_a_member, muted or storage_backlog.

local function publish(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local log_events, seen_ms = tonumber(args[1]), args[2]
  local space = tonumber(args[3]) - redis.call('XLEN', keys[3])
  local at = text(partition.now)
  local rows = {}
  local k, a = 4, 4
  while k <= #keys do
    local id, user, cid = args[a], args[a + 1], args[a + 2]
    local seen = redis.call('GET', keys[k + 3])
    local known, seq_then, at_then = recall(seen, cid)
    if known then
      rows[#rows + 1] = {'dup', known, seq_then, at_then}
    else
      local room = load_room(partition, id, keys[k], keys[k + 1])
      local role = room.state == 'live' and role_of(redis.call('HGET', keys[k + 2], user))
      if not room.state then
        rows[#rows + 1] = {'cold'}
      elseif room.state ~= 'live' then
        rows[#rows + 1] = {'room_gone'}
      elseif not role or role == 'banned' then
        rows[#rows + 1] = {'not_a_member'}
      elseif role == 'muted' then
        rows[#rows + 1] = {'muted'}
      elseif space <= 0 then
        rows[#rows + 1] = {'storage_backlog'}
      else
        local epoch, seq = append(partition, room, 'm', user, args[a + 3], args[a + 4], log_events)
        remember(partition, room, keys[k + 3], seen, cid, epoch, seq, at, seen_ms)
        space = space - 1
        rows[#rows + 1] = {'ok', epoch, seq, at}
      end
    end
    k, a = k + 4, a + 5
  end
  commit(partition)
  return rows
end

redis.register_function('publish', publish)
