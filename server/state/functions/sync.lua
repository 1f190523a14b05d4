-- Read what a listener missed: all of it, or nothing and the tail of the room.
--
-- KEYS - head, room, log
-- ARGV - epoch and seq of the listener, or '-' and '-' for the newest position alone;
--        most events to replay; events of a reset
--
-- Returns {mode, epoch, seq, saved epoch, saved seq, entries}, entries as XRANGE gives
-- them, or {code}: cold, room_gone. mode is
--   resumed  entries are exactly what was missed
--   older    the log does not reach back so far; PostgreSQL may
--   reset    the position is not of this history, or too much was missed; entries are the tail

local function knows(room, epoch, seq)
  if epoch == room.epoch then
    return seq <= room.seq
  end
  if epoch == room.pep then
    return seq <= room.pend
  end
  if epoch == 0 and seq == 0 then
    return true
  end
  local id = text(epoch) .. '-' .. text(seq)
  return #redis.call('XRANGE', room.log, id, id) == 1
end

local function sync(keys, args)
  local room = load_room(open(keys[1]), '', keys[2], keys[3])
  local code = absent(room)
  if code then
    return {code}
  end
  local function reply(mode, entries)
    return {mode, text(room.epoch), text(room.seq),
      text(room.saved_epoch), text(room.saved_seq), entries}
  end
  if args[1] == '-' then
    return reply('resumed', {})
  end
  local epoch, seq, limit = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
  local missed = room.seq - seq
  if missed >= 0 and missed <= limit and epoch <= room.epoch then
    if knows(room, epoch, seq) then
      local entries = {}
      if missed > 0 then
        entries = redis.call('XRANGE', room.log,
          '(' .. text(epoch) .. '-' .. text(seq), '+', 'COUNT', limit + 1)
      end
      if #entries == missed then
        return reply('resumed', entries)
      end
      return reply('older', {})
    elseif epoch < room.pep then
      return reply('older', {})
    end
  end
  local tail = redis.call('XREVRANGE', room.log, '+', '-', 'COUNT', args[4])
  local entries = {}
  for i = #tail, 1, -1 do
    entries[#entries + 1] = tail[i]
  end
  return reply('reset', entries)
end

redis.register_function{function_name = 'sync', callback = sync, flags = {'no-writes'}}
