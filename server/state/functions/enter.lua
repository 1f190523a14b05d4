-- Let a person into a room: members come in, strangers join a public room.
--
-- KEYS - head, events channel, drain, room, log, members, reads
-- ARGV - room id, user id, user name, events that the log keeps, most records in the
--        drain, head and tail of the `joined` event
--
-- Returns {'ok', role, epoch, seq, saved epoch, saved seq, read epoch, read seq, unread,
-- 1 when just joined}, or {code}: cold, room_gone, not_a_member, storage_backlog.

local function enter(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local room = load_room(partition, args[1], keys[4], keys[5])
  if not room.state then
    return {'cold'}
  elseif room.state ~= 'live' then
    return {'room_gone'}
  end
  local user, name = args[2], args[3]
  local member = redis.call('HGET', keys[6], user)
  local role = role_of(member)
  local joined = 0
  if role == 'banned' or (not role and room.visibility ~= 'public') then
    return {'not_a_member'}
  elseif not role then
    if redis.call('XLEN', keys[3]) >= tonumber(args[5]) then
      return {'storage_backlog'}
    end
    role, joined = 'member', 1
    append(partition, room, 'j', user, args[6], args[7], tonumber(args[4]))
    redis.call('HSET', keys[6], user, role .. ' ' .. name)
    redis.call('HSET', keys[7], user,
      text(room.epoch) .. '-' .. text(room.seq) .. '-' .. text(room.messages))
    commit(partition)
  elseif member ~= role .. ' ' .. name then
    redis.call('HSET', keys[6], user, role .. ' ' .. name)
  end
  local read_epoch, read_seq, read = parse_mark(redis.call('HGET', keys[7], user))
  return {'ok', role, text(room.epoch), text(room.seq),
    text(room.saved_epoch), text(room.saved_seq), text(read_epoch), text(read_seq),
    text(math.max(0, room.messages - read)), joined}
end

-- allow-oom: a full Redis refuses new messages, not the people who read.
redis.register_function{function_name = 'enter', callback = enter, flags = {'allow-oom'}}
