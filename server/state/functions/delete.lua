-- Delete a room: its last event, then a tombstone, so that nobody brings it back.
--
-- KEYS - head, events channel, drain, room, log, members, reads, online, gone
-- ARGV - room id, user id, ms for which the tombstone stays, events that the log keeps,
--        head and tail of the `room_deleted` event
--
-- Returns {'ok'}, or {'room_gone'} when it was deleted before.

local function delete(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local room = load_room(partition, args[1], keys[4], keys[5])
  if room.state == 'deleted' then
    return {'room_gone'}
  end
  if room.state == 'live' then
    append(partition, room, 'd', args[2], args[5], args[6], tonumber(args[4]))
  end
  redis.call('HSET', keys[4], 'state', 'deleted')
  commit(partition)
  redis.call('UNLINK', keys[5], keys[6], keys[7], keys[8], keys[9])
  redis.call('PEXPIRE', keys[4], args[3])
  return {'ok'}
end

redis.register_function{function_name = 'delete', callback = delete, flags = {'allow-oom'}}
