-- Go on with a partition that this instance of the library has not seen: in a new epoch,
-- and without its rooms when PostgreSQL knows more of them than this Redis.
--
-- KEYS - head, drain, replicas
-- ARGV - ms and seq of the id of the newest record that PostgreSQL has of this partition,
--        newest epoch that it has, epoch with which this Redis takes the partition over
--
-- Returns 'known' when it was settled, 'current' when Redis knows all that PostgreSQL
-- knows, 'behind' when its rooms have to be read from PostgreSQL again.

local function settle(keys, args)
  local partition = peek(keys[1], '', keys[2])
  local reign = tonumber(args[4]) or 0
  if partition.settled and partition.epoch >= reign then
    return 'known'
  end
  local ms, seq = tonumber(args[1]), tonumber(args[2])
  local epoch = math.max(
    partition.epoch + 1, (seen_epoch[keys[1]] or 0) + 1, tonumber(args[3]) + 1, reign)
  if ends_before(keys[2], ms, seq) then
    forget(partition, keys[3], epoch, ms, seq)
    return 'behind'
  end
  epoch = math.max(partition.now, epoch)
  redis.call('HSET', keys[1], 'epoch', text(epoch))
  seen_epoch[keys[1]] = epoch
  return 'current'
end

redis.register_function{function_name = 'settle', callback = settle, flags = {'allow-oom'}}

-- Tell which epoch a partition has that is not settled.
--
-- KEYS - head; ARGV - none
-- Returns the epoch, or nothing when the partition is settled.

local function unsettled(keys)
  local partition = peek(keys[1], '', '')
  return not partition.settled and text(partition.epoch)
end

redis.register_function{function_name = 'unsettled', callback = unsettled, flags = {'no-writes'}}
