-- Mark a room as read up to a position; marks only grow.
--
-- KEYS - head, events channel, drain, room, log, members, reads
-- ARGV - room id, user id, epoch, seq, most records in the drain
--
-- Returns {'ok', epoch, seq, unread}, or {code}: cold, room_gone, not_a_member.

local function read(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local room = load_room(partition, args[1], keys[4], keys[5])
  local code = absent(room)
  if code then
    return {code}
  end
  local user = args[2]
  local role = role_of(redis.call('HGET', keys[6], user))
  if not role or role == 'banned' then
    return {'not_a_member'}
  end
  local epoch, seq = tonumber(args[3]), tonumber(args[4])
  if seq > room.seq then
    epoch, seq = room.epoch, room.seq
  end
  local old_epoch, old_seq, old = parse_mark(redis.call('HGET', keys[7], user))
  if epoch < old_epoch or (epoch == old_epoch and seq <= old_seq) then
    return {'ok', text(old_epoch), text(old_seq), text(math.max(0, room.messages - old))}
  end
  local after = 0
  if seq < room.seq then
    local entries = redis.call('XRANGE', room.log, '(' .. text(epoch) .. '-' .. text(seq), '+')
    for _, entry in ipairs(entries) do
      if entry[2][1] == 'm' then
        after = after + 1
      end
    end
  end
  local messages = math.max(old, room.messages - after)
  local mark = text(epoch) .. '-' .. text(seq) .. '-' .. text(messages)
  redis.call('HSET', keys[7], user, mark)
  -- A mark that does not fit into the drain is kept here and saved with the next one.
  if redis.call('XLEN', keys[3]) < tonumber(args[5]) then
    redis.call('XADD', keys[3], '*', 'r', '{"room":"' .. room.id .. '","user":"' .. user
      .. '","epoch":' .. text(epoch) .. ',"seq":' .. text(seq)
      .. ',"messages":' .. text(messages) .. '}')
  end
  return {'ok', text(epoch), text(seq), text(math.max(0, room.messages - messages))}
end

redis.register_function('read', read)
