-- Shared by every function of the library; `state/library.py` puts the shebang in front.
--
-- A call works in one partition. It opens the partition, does all of its checks, then
-- writes, and at the end announces everything that happened as one publication:
--
--     <n> <count>\n
--     <room> <epoch> <seq> <kind> <subject> <bytes>\n<event>\n      count times
--
-- `n` counts the publications of the partition, so that a listener notices a lost one.

-- What this instance of the library has seen, head key -> epoch. It is empty after a
-- restart, a promotion or a reload: exactly when writes may have been lost. The next
-- event of the partition then moves on to a new epoch.
local seen_epoch = {}

local function text(number)
  return string.format('%.0f', number) -- tostring() turns large numbers into 1e+14
end

local function open(head, channel, drain)
  local time = redis.call('TIME')
  local stored = redis.call('HMGET', head, 'epoch', 'n')
  local partition = {
    head = head,
    channel = channel,
    drain = drain,
    now = time[1] * 1000 + math.floor(time[2] / 1000),
    epoch = tonumber(stored[1]) or 0,
    n = tonumber(stored[2]) or 0,
    out = {},
    rooms = {},
  }
  local seen = seen_epoch[head]
  if seen ~= partition.epoch then
    partition.epoch = math.max(partition.now, partition.epoch + 1, (seen or 0) + 1)
  end
  return partition
end

-- Read the hash of a room; `state` is false when the room is not in this Redis.
-- Without a partition it is only looked at.
local function load_room(partition, id, key, log)
  if partition and partition.rooms[key] then
    return partition.rooms[key]
  end
  local h = redis.call('HMGET', key, 'state', 'epoch', 'seq', 'pep', 'pend', 'messages',
    'visibility', 'saved_epoch', 'saved_seq')
  local room = {
    id = id, key = key, log = log,
    state = h[1],
    epoch = tonumber(h[2]) or 0,
    seq = tonumber(h[3]) or 0,
    pep = tonumber(h[4]) or 0,   -- the epoch before, and
    pend = tonumber(h[5]) or 0,  -- the last seq that it had
    messages = tonumber(h[6]) or 0,
    visibility = h[7],
    saved_epoch = tonumber(h[8]) or 0,
    saved_seq = tonumber(h[9]) or 0,
  }
  if partition then
    partition.rooms[key] = room
  end
  return room
end

local function announce(partition, room, epoch, seq, kind, subject, event)
  partition.out[#partition.out + 1] = room .. ' ' .. epoch .. ' ' .. seq .. ' ' .. kind
    .. ' ' .. subject .. ' ' .. #event .. '\n' .. event .. '\n'
end

-- Give the next position of a room to an event: log, drain, publication.
-- The log keeps at least `log_events`, and everything that is not saved yet: an event
-- is always in the log or in PostgreSQL.
local function append(partition, room, kind, subject, head, tail, log_events)
  if room.epoch ~= partition.epoch then
    room.pep, room.pend = room.epoch, room.seq
    room.epoch = partition.epoch
    partition.moved = true
  end
  room.seq = room.seq + 1
  room.changed = true
  if kind == 'm' then
    room.messages = room.messages + 1
  end
  local epoch, seq = text(room.epoch), text(room.seq)
  local event = head .. ',"epoch":' .. epoch .. ',"seq":' .. seq
    .. ',"at":' .. text(partition.now) .. tail
  if room.seq - room.saved_seq < log_events then
    redis.call('XADD', room.log, 'MAXLEN', '~', log_events, epoch .. '-' .. seq, kind, event)
  else
    redis.call('XADD', room.log, epoch .. '-' .. seq, kind, event)
  end
  redis.call('XADD', partition.drain, '*', kind, event)
  announce(partition, room.id, epoch, seq, kind, subject, event)
  return epoch, seq
end

-- Write back the rooms that changed and publish what was announced.
local function commit(partition)
  for _, room in pairs(partition.rooms) do
    if room.changed then
      redis.call('HSET', room.key, 'epoch', text(room.epoch), 'seq', text(room.seq),
        'pep', text(room.pep), 'pend', text(room.pend), 'messages', text(room.messages))
      partition.moved = true
    end
  end
  local count = #partition.out
  if count == 0 then
    return
  end
  local n = text(partition.n + 1)
  if partition.moved then
    redis.call('HSET', partition.head, 'n', n, 'epoch', text(partition.epoch))
    seen_epoch[partition.head] = partition.epoch
  else
    redis.call('HSET', partition.head, 'n', n)
  end
  redis.call('SPUBLISH', partition.channel,
    n .. ' ' .. count .. '\n' .. table.concat(partition.out))
end

-- A member is stored as "<role> <name>".
local function role_of(member)
  return member and string.match(member, '^(%a+)')
end

-- A read mark is stored as "<epoch>-<seq>-<messages up to there>".
local function parse_mark(mark)
  if not mark then
    return 0, 0, 0
  end
  local epoch, seq, messages = string.match(mark, '^(%d+)-(%d+)-(%d+)$')
  return tonumber(epoch), tonumber(seq), tonumber(messages)
end
