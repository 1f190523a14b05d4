-- Shared by every function of the library; `state/library.py` puts the shebang in front.
--
-- A call works in one partition. It opens the partition, does all of its checks, then
-- writes, and at the end announces everything that happened as one publication:
--
--     <n> <count>\n
--     <room> <epoch> <seq> <kind> <subject> <bytes>\n<event>\n      count times
--
-- `n` counts the publications of the partition, so that a listener notices a lost one.

-- What this instance of the library has settled, head key -> epoch. It is empty after a
-- restart, a promotion or a reload: exactly when writes may have been lost. Nobody reads or
-- changes a room of the partition then before `settle` has compared it with PostgreSQL and
-- moved on to a new epoch.
local seen_epoch = {}

local function text(number)
  return string.format('%d', number) -- tostring() turns large numbers into 1e+14
end

-- Open a partition whatever it has lost: for leases, watermarks and who is online.
local function peek(head, channel, drain)
  local time = redis.call('TIME')
  local stored = redis.call('HMGET', head, 'epoch', 'n', 'generation')
  local epoch = tonumber(stored[1]) or 0
  return {
    head = head,
    channel = channel,
    drain = drain,
    now = time[1] * 1000 + math.floor(time[2] / 1000),
    epoch = epoch,
    n = tonumber(stored[2]) or 0,
    -- Rooms of another generation are of a past that PostgreSQL has outrun.
    generation = stored[3] or '',
    settled = seen_epoch[head] == epoch,
    out = {},
    rooms = {},
  }
end

-- Open a partition to work with its rooms. The caller settles it on this error and asks
-- again (`state/settling.py`); nothing was done.
local function open(head, channel, drain)
  local partition = peek(head, channel, drain)
  if not partition.settled then
    error({err = 'UNSETTLED this Redis may have lost something'})
  end
  return partition
end

-- Tell whether a drain stream never came as far as a record.
local function ends_before(drain, ms, seq)
  local last_ms, last_seq = 0, 0
  if redis.call('EXISTS', drain) == 1 then
    local info = redis.call('XINFO', 'STREAM', drain)
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then
        last_ms, last_seq = string.match(info[i + 1], '^(%d+)-(%d+)$')
        last_ms, last_seq = tonumber(last_ms), tonumber(last_seq)
      end
    end
  end
  return last_ms < ms or (last_ms == ms and last_seq < seq)
end

-- PostgreSQL has saved a record that this Redis does not remember: all its rooms are cold
-- from now on. Whatever is in the drain is older, and so in PostgreSQL too.
local function forget(partition, replicas, epoch, ms, seq)
  partition.epoch = math.max(partition.now, epoch)
  partition.generation = text(partition.epoch)
  partition.n = partition.n + 1 -- listeners notice, and ask
  redis.call('HSET', partition.head, 'epoch', text(partition.epoch),
    'generation', partition.generation, 'n', text(partition.n))
  seen_epoch[partition.head] = partition.epoch
  -- New records get higher ids than the saved ones, whatever the clock says.
  local id = text(ms) .. '-' .. text(seq)
  redis.call('XADD', partition.drain, id, '-', '')
  redis.call('XDEL', partition.drain, id)
  -- Who is online is of the past as well: replicas register everybody again.
  for _, boot in ipairs(redis.call('ZRANGE', replicas, 0, -1)) do
    redis.call('ZADD', replicas, 0, boot)
  end
end

-- Read the hash of a room; `state` is false when the room is not in this Redis. What changes
-- with every event is one field, `place`: a message reads and writes it once.
local function load_room(partition, id, key, log)
  if partition.rooms[key] then
    return partition.rooms[key]
  end
  local h = redis.call('HMGET', key, 'state', 'generation', 'place', 'saved')
  local current = h[1] == 'deleted' or (h[2] or '') == partition.generation
  local epoch, seq, pep, pend, messages =
    string.match(h[3] or '', '^(%d+)-(%d+) (%d+)-(%d+) (%d+)$')
  local saved_epoch, saved_seq = string.match(h[4] or '', '^(%d+)-(%d+)$')
  local room = {
    id = id, key = key, log = log,
    state = current and h[1],
    stale = h[1] and not current,
    epoch = tonumber(epoch) or 0,
    seq = tonumber(seq) or 0,
    pep = tonumber(pep) or 0,   -- the epoch before, and
    pend = tonumber(pend) or 0, -- the last seq that it had
    messages = tonumber(messages) or 0,
    saved_epoch = tonumber(saved_epoch) or 0,
    saved_seq = tonumber(saved_seq) or 0,
  }
  partition.rooms[key] = room
  return room
end

-- Why nobody can work in a room now: cold, room_gone, or nil.
local function absent(room)
  if not room.state then
    return 'cold'
  end
  return room.state ~= 'live' and 'room_gone' or nil
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

-- Where a room stands, as its hash says it.
local function place(room)
  return string.format('%d-%d %d-%d %d',
    room.epoch, room.seq, room.pep, room.pend, room.messages)
end

-- What Redis remembers of the things that a person said in a room: the cids of all that are
-- not saved or younger than SEEN_MS, and of the last ones, each with its place.
--
--     \n<cid> <epoch>-<seq>-<at>      again and again
--
-- PostgreSQL knows the others. So it grows with the people who talk, not with what they say.
local SEEN_MS = 30000
local SEEN_BYTES = 2048
local MINUTE = 60000

-- Return epoch, seq and time that a cid got, or nil.
local function recall(seen, cid)
  if seen then
    local _, last = string.find(seen, '\n' .. cid .. ' ', 1, true)
    if last then
      return string.match(seen, '^(%d+)-(%d+)-(%d+)', last + 1)
    end
  end
end

-- Add a cid to what is remembered, for `ms` after the last one.
local function remember(partition, room, key, seen, cid, epoch, seq, at, ms)
  local entry = '\n' .. cid .. ' ' .. epoch .. '-' .. seq .. '-' .. at
  seen = seen or ''
  -- The older half goes at once, or nothing: so it is seldom written as a whole.
  local middle = #seen > SEEN_BYTES and string.find(seen, '\n', #seen / 2, true)
  if middle then
    local its_epoch, its_seq, its_at =
      string.match(seen, '^\n[^\n]+ (%d+)-(%d+)-(%d+)', middle)
    its_epoch, its_seq, its_at = tonumber(its_epoch), tonumber(its_seq), tonumber(its_at)
    local is_saved = its_epoch < room.saved_epoch
      or (its_epoch == room.saved_epoch and its_seq <= room.saved_seq)
    middle = is_saved and its_at < partition.now - SEEN_MS and middle
  end
  if middle or seen == '' then
    redis.call('SET', key, string.sub(seen, middle or 1) .. entry, 'PX', ms)
    return
  end
  redis.call('APPEND', key, entry)
  -- Once a minute is often enough to put its end off.
  local last = tonumber(string.sub(seen, -#at)) -- a pattern would try every place in it
  if math.floor(last / MINUTE) ~= math.floor(tonumber(at) / MINUTE) then
    redis.call('PEXPIRE', key, ms)
  end
end

-- Write back the rooms that changed and publish what was announced.
local function commit(partition)
  for _, room in pairs(partition.rooms) do
    if room.changed then
      redis.call('HSET', room.key, 'place', place(room))
    end
  end
  local count = #partition.out
  if count == 0 then
    return
  end
  local n = text(partition.n + 1)
  redis.call('HSET', partition.head, 'n', n)
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
