-- Go on with a partition that this instance of the library has not seen: in a new epoch,
-- and without its rooms when PostgreSQL knows more of them than this Redis.
--
-- KEYS - head, drain, replicas
-- ARGV - ms and seq of the id of the newest record that PostgreSQL has of this partition,
--        newest epoch that it has
--
-- Returns 'known' when it was settled, 'current' when Redis knows all that PostgreSQL
-- knows, 'behind' when its rooms have to be read from PostgreSQL again.

local function settle(keys, args)
  local partition = peek(keys[1], '', keys[2])
  if partition.settled then
    return 'known'
  end
  local ms, seq = tonumber(args[1]), tonumber(args[2])
  local epoch = math.max(
    partition.epoch + 1, (seen_epoch[keys[1]] or 0) + 1, tonumber(args[3]) + 1)
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
