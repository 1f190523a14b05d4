-- End a membership: the person leaves, or is removed.
--
-- KEYS - head, events channel, drain, room, log, members, reads
-- ARGV - room id, user id, events that the log keeps, head and tail of the `left` event
--
-- Returns {'ok'}, or {code}: cold, room_gone, not_a_member, forbidden (the owner).

local function leave(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local room = load_room(partition, args[1], keys[4], keys[5])
  local user = args[2]
  local code = absent(room)
  if code then
    return {code}
  end
  local role = role_of(redis.call('HGET', keys[6], user))
  if not role or role == 'banned' then
    return {'not_a_member'}
  elseif role == 'owner' then
    return {'forbidden'}
  end
  append(partition, room, 'l', user, args[4], args[5], tonumber(args[3]))
  redis.call('HDEL', keys[6], user)
  redis.call('HDEL', keys[7], user)
  commit(partition)
  return {'ok'}
end

redis.register_function('leave', leave)
