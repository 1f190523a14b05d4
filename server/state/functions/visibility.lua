-- Make a room that is here public or private: who may come in from now on.
--
-- KEYS - head, events channel, drain, room, log, members, reads
-- ARGV - room id, 'public' | 'private'
--
-- Returns {'ok'}, or {code}: cold, room_gone.

local function visibility(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local code = absent(load_room(partition, args[1], keys[4], keys[5]))
  if code then
    return {code}
  end
  redis.call('HSET', keys[4], 'visibility', args[2])
  return {'ok'}
end

redis.register_function{function_name = 'visibility', callback = visibility, flags = {'allow-oom'}}
