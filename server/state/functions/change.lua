-- Change a message: give it another text, delete it, pin it, or put an emoji under it.
--
-- KEYS - head, events channel, drain, room, log, members, gone, seen
-- ARGV - room id, user id, kind ('e', 'x', 'a' or 'n'), epoch and seq of the message, head of
--        the event, its tail up to the target, what stands after the target;
--        events that the log keeps, ms for which cids are remembered, most records in the
--        drain; the change's cid; what stands in a seen key before the user;
--        author, cid and at of the message as PostgreSQL has them, or three times ''
--
-- Returns {'ok' | 'dup', epoch, seq, at} or {code}: cold, room_gone, not_a_member, muted,
-- message_not_found, forbidden, storage_backlog, or unknown_target: the log does not have
-- the message, PostgreSQL may.

local MODERATES = {owner = true, moderator = true}

-- In direct messages, where two people are and nobody is above the other, both may pin.
local function may_pin(members, role)
  if MODERATES[role] then
    return true
  end
  if redis.call('HLEN', members) > 2 then
    return false
  end
  for _, member in ipairs(redis.call('HVALS', members)) do
    if role_of(member) == 'owner' then
      return false
    end
  end
  return true
end

-- Return author, cid and time of the message at a position, or a code.
local function find(room, epoch, seq, author, cid, at)
  local id = epoch .. '-' .. seq
  local entry = redis.call('XRANGE', room.log, id, id)[1]
  if not entry then
    if author == '' then
      return 'unknown_target'
    end
    return nil, author, cid, at
  end
  if entry[2][1] ~= 'm' then
    return 'message_not_found'
  end
  local message = cjson.decode(entry[2][2])
  if string.match(message.user.id .. message.cid, '[^%w_-]') then
    return 'message_not_found' -- no client's; it would break the JSON of the event
  end
  return nil, message.user.id, message.cid, text(message.at)
end

-- Forget the deletions of messages that the log does not have any more: PostgreSQL has them.
local function tidy(gone, log)
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  local epoch, seq = string.match(first and first[1] or '', '^(%d+)-(%d+)$')
  epoch, seq = tonumber(epoch) or math.huge, tonumber(seq)
  local rows = redis.call('HGETALL', gone)
  for row = 1, #rows, 2 do
    local its_epoch, its_seq = string.match(rows[row + 1], '^(%d+)-(%d+)$')
    its_epoch, its_seq = tonumber(its_epoch), tonumber(its_seq)
    if its_epoch < epoch or (its_epoch == epoch and its_seq < seq) then
      redis.call('HDEL', gone, rows[row])
    end
  end
end

local function change(keys, args)
  local seen = redis.call('GET', keys[8])
  local known, seq_then, at_then = recall(seen, args[12])
  if known then
    return {'dup', known, seq_then, at_then}
  end
  local partition = open(keys[1], keys[2], keys[3])
  local room = load_room(partition, args[1], keys[4], keys[5])
  local code = absent(room)
  if code then
    return {code}
  end
  local user, kind = args[2], args[3]
  local role = role_of(redis.call('HGET', keys[6], user))
  if not role or role == 'banned' then
    return {'not_a_member'}
  elseif role == 'muted' then
    return {'muted'}
  end
  local unfit, author, cid, sent_at =
    find(room, args[4], args[5], args[14], args[15], args[16])
  if unfit then
    return {unfit}
  end
  local name = author .. ' ' .. cid
  if redis.call('HEXISTS', keys[7], name) == 1 then
    return {'message_not_found'}
  end
  if author ~= user and (kind == 'e' or (kind == 'x' and not MODERATES[role])) then
    return {'forbidden'}
  elseif kind == 'n' and not may_pin(keys[6], role) then
    return {'forbidden'}
  end
  if redis.call('XLEN', keys[3]) >= tonumber(args[11]) then
    return {'storage_backlog'}
  end
  local target = ',"target":{"epoch":' .. args[4] .. ',"seq":' .. args[5]
    .. ',"user":"' .. author .. '","cid":"' .. cid .. '"}'
  local epoch, seq = append(partition, room, kind, user, args[6], args[7] .. target .. args[8],
    tonumber(args[9]))
  local at = text(partition.now)
  remember(partition, room, keys[8], seen, args[12], epoch, seq, at, args[10])
  if kind == 'x' then
    redis.call('HSET', keys[7], name, args[4] .. '-' .. args[5])
    if redis.call('HLEN', keys[7]) > tonumber(args[9]) then
      tidy(keys[7], room.log)
    end
    -- Sent again, by a page that did not hear of it, it would come back.
    local authors = args[13] .. author
    local his = redis.call('GET', authors)
    if not recall(his, cid) then
      remember(partition, room, authors, his, cid, args[4], args[5], sent_at, args[10])
    end
  end
  commit(partition)
  return {'ok', epoch, seq, at}
end

redis.register_function('change', change)
