-- Take or renew the lease of a partition.
--
-- KEYS - lease; ARGV - token, ms
-- Returns 1 when the caller holds it now, 0 when another does.

local function take_lease(keys, args)
  local holder = redis.call('GET', keys[1])
  if holder and holder ~= args[1] then
    return 0
  end
  redis.call('SET', keys[1], args[1], 'PX', args[2])
  return 1
end

redis.register_function{function_name = 'take_lease', callback = take_lease, flags = {'allow-oom'}}

-- Give a lease back.
--
-- KEYS - lease; ARGV - token
-- Returns 1 when it was the caller's.

local function release_lease(keys, args)
  if redis.call('GET', keys[1]) ~= args[1] then
    return 0
  end
  return redis.call('DEL', keys[1])
end

redis.register_function{function_name = 'release_lease', callback = release_lease,
  flags = {'allow-oom'}}

-- Drop records that PostgreSQL has, raise the saved watermarks and announce them.
--
-- KEYS - head, events channel, drain, replicas, lease, then one per room: room
-- ARGV - token, id of the last record saved, then three per room: room id, epoch, seq
--
-- Returns 1, or 0 when the lease is another's: nothing was changed then.

local function acknowledge(keys, args)
  local partition = peek(keys[1], keys[2], keys[3])
  local ms, seq = string.match(args[2], '^(%d+)-(%d+)$')
  -- Redis went back while the batch was on its way: true whoever holds the lease now.
  if partition.settled and ends_before(keys[3], tonumber(ms), tonumber(seq)) then
    forget(partition, keys[4], partition.epoch + 1, tonumber(ms), tonumber(seq))
  end
  if redis.call('GET', keys[5]) ~= args[1] then
    return 0
  end
  redis.call('XTRIM', keys[3], 'MINID', '=', ms .. '-' .. text(tonumber(seq) + 1))
  local a = 3
  for k = 6, #keys do
    local id, epoch, top = args[a], tonumber(args[a + 1]), tonumber(args[a + 2])
    local room = load_room(partition, id, keys[k], '')
    local newer = epoch > room.saved_epoch
      or (epoch == room.saved_epoch and top > room.saved_seq)
    if room.state == 'live' and newer then
      redis.call('HSET', room.key, 'saved', text(epoch) .. '-' .. text(top))
      announce(partition, id, text(epoch), text(top), 's', '-', '{"ev":"saved","room":"' .. id
        .. '","epoch":' .. text(epoch) .. ',"seq":' .. text(top) .. '}')
    end
    a = a + 3
  end
  commit(partition)
  return 1
end

redis.register_function{function_name = 'acknowledge', callback = acknowledge,
  flags = {'allow-oom'}}
