-- Bring a cold room back from PostgreSQL; do nothing when it is here, or was deleted.
--
-- KEYS - head, events channel, drain, room, log, members, reads, gone, then one per person
--        of whom something is remembered: seen
-- ARGV - room id, 'live' | 'deleted', ms for which a tombstone stays, visibility,
--        epoch and seq of the newest saved event, messages, then four lists, each
--        behind its number of rows: members (user, "<role> <name>"), read marks
--        (user, mark), deleted messages ("<author> <cid>", "<epoch>-<seq>"), newest events
--        (entry id, kind, event); then ms for which cids are remembered, and per person those
--        that are
--
-- Returns 1 when the room was written, 0 when there was nothing to do.

-- What was remembered before of other cids: a Redis that went back knows more than the tail.
local function besides(known, before)
  local kept = {}
  for entry, cid in string.gmatch(before or '', '(\n([^\n ]+) [^\n]+)') do
    if not recall(known, cid) then
      kept[#kept + 1] = entry
    end
  end
  return table.concat(kept)
end

local function hydrate(keys, args)
  local partition = open(keys[1], keys[2], keys[3])
  local room = load_room(partition, args[1], keys[4], keys[5])
  if room.state then
    return 0
  elseif room.stale then
    redis.call('UNLINK', keys[4], keys[5], keys[6], keys[7], keys[8])
  end
  if args[2] == 'deleted' then
    redis.call('HSET', keys[4], 'state', 'deleted')
    redis.call('PEXPIRE', keys[4], args[3])
    return 1
  end
  local epoch = tonumber(args[5])
  if epoch > partition.epoch then
    -- This Redis forgot an epoch that PostgreSQL remembers: new events sort after it.
    partition.epoch = epoch + 1
    redis.call('HSET', keys[1], 'epoch', text(partition.epoch))
    seen_epoch[keys[1]] = partition.epoch
  end
  redis.call('HSET', keys[4], 'state', 'live', 'visibility', args[4], 'generation', partition.generation,
    'place', args[5] .. '-' .. args[6] .. ' ' .. args[5] .. '-' .. args[6] .. ' ' .. args[7],
    'saved', args[5] .. '-' .. args[6])
  local a = 8
  for _, key in ipairs({keys[6], keys[7], keys[8]}) do
    local rows = tonumber(args[a])
    for row = 1, rows do
      redis.call('HSET', key, args[a + 2 * row - 1], args[a + 2 * row])
    end
    a = a + 1 + 2 * rows
  end
  local rows = tonumber(args[a])
  for row = 1, rows do
    redis.call('XADD', keys[5], args[a + 3 * row - 2], args[a + 3 * row - 1], args[a + 3 * row])
  end
  a = a + 1 + 3 * rows
  for k = 9, #keys do
    local known = args[a + k - 8]
    redis.call('SET', keys[k], besides(known, redis.call('GET', keys[k])) .. known, 'PX', args[a])
  end
  return 1
end

redis.register_function('hydrate', hydrate)
