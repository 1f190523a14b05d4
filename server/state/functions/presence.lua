-- Connections come and go; a person is online while one of his connections is.
--
-- KEYS - head, events channel, replicas, replica, then one per change: online
-- ARGV - boot id, end of a lease in ms from now, then five per change:
--        room id, connection id, user id, user as JSON, '1' came | '0' went
--
-- Every change may be repeated: a connection counts once. One event per room that changed.
-- Returns 1; or 0 when this replica was not known here: whatever it registered before is
-- gone, beside what it registers now; or -1 when it is known from a past that was outrun:
-- nothing was done then, and `reap` comes first.

local function tally(people, room, user, json, online, change)
  local key = room .. ' ' .. user
  local person = people[key]
  if not person then
    local before = tonumber(redis.call('HGET', online, user) or 0)
    person = {room = room, user = user, online = online, before = before, count = before}
    people[key] = person
    people[#people + 1] = person
  end
  person.json = json or person.json
  person.count = person.count + change
end

-- Write the counts of the people touched, and announce who came and who went.
local function settle(partition, people)
  local rooms, order = {}, {}
  for _, person in ipairs(people) do
    if person.count > 0 then
      redis.call('HSET', person.online, person.user, text(person.count))
    else
      redis.call('HDEL', person.online, person.user)
    end
    local came = person.before <= 0 and person.count > 0
    local went = person.before > 0 and person.count <= 0
    if came or went then
      local room = rooms[person.room]
      if not room then
        room = {online = person.online, came = {}, went = {}}
        rooms[person.room] = room
        order[#order + 1] = person.room
      end
      if came then
        room.came[#room.came + 1] = person.json
      else
        room.went[#room.went + 1] = '"' .. person.user .. '"'
      end
    end
  end
  for _, id in ipairs(order) do
    local room = rooms[id]
    announce(partition, id, '0', '0', 'p', '-', '{"ev":"presence","room":"' .. id
      .. '","online":' .. redis.call('HLEN', room.online)
      .. ',"came":[' .. table.concat(room.came, ',')
      .. '],"went":[' .. table.concat(room.went, ',') .. ']}')
  end
  commit(partition)
end

local function presence(keys, args)
  local partition = peek(keys[1], keys[2])
  local people = {}
  local ends = redis.call('ZSCORE', keys[3], args[1])
  if ends and tonumber(ends) <= 0 then
    return -1
  end
  redis.call('ZADD', keys[3], text(partition.now + tonumber(args[2])), args[1])
  local a = 3
  for k = 5, #keys do
    local room, user = args[a], args[a + 2]
    local member = room .. ' ' .. args[a + 1] .. ' ' .. user
    if args[a + 4] == '1' then
      if redis.call('SADD', keys[4], member) == 1 then
        tally(people, room, user, args[a + 3], keys[k], 1)
      end
    elseif redis.call('SREM', keys[4], member) == 1 then
      tally(people, room, user, args[a + 3], keys[k], -1)
    end
    a = a + 5
  end
  settle(partition, people)
  return ends and 1 or 0
end

redis.register_function{function_name = 'presence', callback = presence, flags = {'allow-oom'}}

-- Renew the lease of a replica.
--
-- KEYS - replicas; ARGV - boot id, ms; with 0 it only looks who has expired
-- Returns {1 when the replica was known, expired boot ids…}. One whose lease ends at 0 is
-- known from a past that was outrun, and so is what it registered (`forget`).

local function renew(keys, args)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local known = tonumber(redis.call('ZSCORE', keys[1], args[1]) or 0) > 0
  if tonumber(args[2]) > 0 then
    redis.call('ZADD', keys[1], text(now + tonumber(args[2])), args[1])
  end
  local reply = {known and 1 or 0}
  for _, boot in ipairs(redis.call('ZRANGEBYSCORE', keys[1], '-inf', '(' .. text(now), 'LIMIT', 0, 100)) do
    reply[#reply + 1] = boot
  end
  return reply
end

redis.register_function{function_name = 'renew', callback = renew, flags = {'allow-oom'}}

-- Remove the connections of a replica whose lease has ended, or that says good-bye.
--
-- KEYS - head, events channel, replicas, replica
-- ARGV - boot id, most connections of this call, '1' even when the lease still runs,
--        key of a room up to its id, end of the key of its online hash
-- Returns 1 when there are more, 0 when all are gone or the lease runs.

local function reap(keys, args)
  local partition = peek(keys[1], keys[2])
  local ends = tonumber(redis.call('ZSCORE', keys[3], args[1]) or 0)
  if args[3] ~= '1' and ends >= partition.now then
    return 0
  end
  local people = {}
  for _, member in ipairs(redis.call('SPOP', keys[4], args[2])) do
    local room, _, user = string.match(member, '^(%S+) (%S+) (%S+)$')
    tally(people, room, user, nil, args[4] .. room .. args[5], -1)
  end
  settle(partition, people)
  if redis.call('EXISTS', keys[4]) == 1 then
    return 1
  end
  redis.call('ZREM', keys[3], args[1])
  return 0
end

redis.register_function{function_name = 'reap', callback = reap, flags = {'allow-oom'}}
