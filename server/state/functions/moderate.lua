-- Say what another person is in a room: the owner and the moderators may.
--
-- KEYS - head, events channel, drain, room, log, members, reads
-- ARGV - room id, id of who does it, id and name of whom it is about,
--        'remove' | 'ban' | 'unban' | the new role: 'owner', 'moderator', 'member' or 'muted';
--        events that the log keeps, most records in the drain, head and tail of the event; for
--        'owner' besides: id and name of the owner so far ('' when there is none), head and
--        tail of the event that makes a member of him
--
-- Returns {'ok', 1 | 0}, 0 when it was so before, or {'ok', -1} when another one is the owner
-- so far; or {code}: cold, room_gone, not_a_member (who does it), forbidden, person_not_found
-- (whom it is about), storage_backlog.

local RANK = {owner = 3, moderator = 2, member = 1, muted = 1, banned = 1}

-- Give the room to a member. Whether that may be was decided before: PostgreSQL has it already,
-- so a full drain must not keep it out.
local function hand_over(partition, room, keys, args)
  local subject, name, former = args[3], args[4], args[10]
  local role = role_of(redis.call('HGET', keys[6], subject))
  if not role or role == 'banned' then
    return {'person_not_found'}
  elseif role == 'owner' then
    return {'ok', 0}
  end
  local log_events = tonumber(args[6])
  if former ~= '' then
    if role_of(redis.call('HGET', keys[6], former)) ~= 'owner' then
      return {'ok', -1}
    end
    append(partition, room, 'g', former, args[12], args[13], log_events)
    redis.call('HSET', keys[6], former, 'member ' .. args[11])
  end
  append(partition, room, 'g', subject, args[8], args[9], log_events)
  redis.call('HSET', keys[6], subject, 'owner ' .. name)
  commit(partition)
  return {'ok', 1}
end

local function moderate(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local room = load_room(partition, args[1], keys[4], keys[5])
  local code = absent(room)
  if code then
    return {code}
  end
  local by, subject, name, action = args[2], args[3], args[4], args[5]
  if action == 'owner' then
    return hand_over(partition, room, keys, args)
  end
  local his = role_of(redis.call('HGET', keys[6], by))
  if not his or his == 'banned' then
    return {'not_a_member'}
  end
  local role = role_of(redis.call('HGET', keys[6], subject))
  -- Everybody acts on those below himself, and gives no rank as high as his own.
  local rank = RANK[his]
  if rank < 2 or by == subject or (RANK[role] or 0) >= rank or (RANK[action] or 0) >= rank then
    return {'forbidden'}
  end
  local present = role and role ~= 'banned'
  if (action == 'unban' and role ~= 'banned') or (not present and action ~= 'ban' and action ~= 'unban') then
    return {'person_not_found'}
  elseif role == action or (action == 'ban' and role == 'banned') then
    return {'ok', 0}
  end
  local is_urgent = action == 'remove' or (action == 'ban' and present)
  if not is_urgent and redis.call('XLEN', keys[3]) >= tonumber(args[7]) then
    return {'storage_backlog'}
  end
  local kind = RANK[action] and 'g' or 'l'
  append(partition, room, kind, subject, args[8], args[9], tonumber(args[6]))
  if action == 'remove' or action == 'unban' then
    redis.call('HDEL', keys[6], subject)
    redis.call('HDEL', keys[7], subject)
  else
    redis.call('HSET', keys[6], subject, (action == 'ban' and 'banned' or action) .. ' ' .. name)
  end
  commit(partition)
  return {'ok', 1}
end

redis.register_function('moderate', moderate)
