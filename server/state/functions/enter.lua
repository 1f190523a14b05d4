-- Who may come in: members, who was invited, and anybody into a public room.
local function may_enter(room, role, invited)
  return role ~= 'banned'
    and (role or invited or redis.call('HGET', room.key, 'visibility') == 'public')
end

-- Make a stranger a member; what was said before counts as read.
local function join(partition, room, keys, user, name, head, tail, log_events)
  append(partition, room, 'j', user, head, tail, log_events)
  redis.call('HSET', keys[6], user, 'member ' .. name)
  redis.call('HSET', keys[7], user,
    text(room.epoch) .. '-' .. text(room.seq) .. '-' .. text(room.messages))
end

-- Let a person into a room: members come in, strangers join a public room.
--
-- KEYS - head, events channel, drain, room, log, members, reads
-- ARGV - room id, user id, user name, events that the log keeps, most records in the
--        drain, head and tail of the `joined` event, '1' for somebody who was invited
--
-- Returns {'ok', role, epoch, seq, saved epoch, saved seq, read epoch, read seq, unread,
-- 1 when just joined}, or {code}: cold, room_gone, not_a_member, storage_backlog.

local function enter(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local room = load_room(partition, args[1], keys[4], keys[5])
  local code = absent(room)
  if code then
    return {code}
  end
  local user, name = args[2], args[3]
  local member = redis.call('HGET', keys[6], user)
  local role = role_of(member)
  local joined = 0
  if not may_enter(room, role, args[8] == '1') then
    return {'not_a_member'}
  elseif not role then
    if redis.call('XLEN', keys[3]) >= tonumber(args[5]) then
      return {'storage_backlog'}
    end
    role, joined = 'member', 1
    join(partition, room, keys, user, name, args[6], args[7], tonumber(args[4]))
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

-- Let many people into a room in one call, as `enter` lets in one: those who were in it
-- when Redis forgot what it had.
--
-- KEYS - as of enter
-- ARGV - room id, events that the log keeps, most records in the drain, then four per
--        person: user id, user name, head and tail of his `joined` event
--
-- Returns {'ok', ids of those who may not come in…}, or {code}: cold, room_gone,
-- storage_backlog; nobody has joined then.

local function admit(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local room = load_room(partition, args[1], keys[4], keys[5])
  local code = absent(room)
  if code then
    return {code}
  end
  local reply, strangers = {'ok'}, {}
  for a = 4, #args, 4 do
    local role = role_of(redis.call('HGET', keys[6], args[a]))
    if not may_enter(room, role) then
      reply[#reply + 1] = args[a]
    elseif not role then
      strangers[#strangers + 1] = a
    end
  end
  if #strangers > 0 then
    if redis.call('XLEN', keys[3]) + #strangers > tonumber(args[3]) then
      return {'storage_backlog'}
    end
    for _, a in ipairs(strangers) do
      join(partition, room, keys, args[a], args[a + 1], args[a + 2], args[a + 3], tonumber(args[2]))
    end
    commit(partition)
  end
  return reply
end

redis.register_function{function_name = 'admit', callback = admit, flags = {'allow-oom'}}
