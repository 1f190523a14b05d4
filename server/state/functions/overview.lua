-- Look at several rooms for a list of rooms.
--
-- KEYS - head, then five per room: room, log, members, reads, online
-- ARGV - user id
--
-- Returns one row per room: {epoch, seq, saved epoch, saved seq, messages, unread, people
-- online, members, role or '', newest message or ''}, or {} when the room is not here.

local LOOK_BACK = 20 -- a room whose newest message hides behind more joins shows none

local function overview(keys, args)
  local partition = open(keys[1])
  local rows = {}
  for k = 2, #keys, 5 do
    local room = load_room(partition, '', keys[k], keys[k + 1])
    if room.state ~= 'live' then
      rows[#rows + 1] = {}
    else
      local role = role_of(redis.call('HGET', keys[k + 2], args[1])) or ''
      local _, _, read = parse_mark(redis.call('HGET', keys[k + 3], args[1]))
      local last = ''
      for _, entry in ipairs(redis.call('XREVRANGE', keys[k + 1], '+', '-', 'COUNT', LOOK_BACK)) do
        if entry[2][1] == 'm' then
          last = entry[2][2]
          break
        end
      end
      local unread = 0
      if role ~= '' then
        unread = math.max(0, room.messages - read)
      end
      rows[#rows + 1] = {text(room.epoch), text(room.seq), text(room.saved_epoch),
        text(room.saved_seq), text(room.messages), text(unread),
        redis.call('HLEN', keys[k + 4]), redis.call('HLEN', keys[k + 2]), role, last}
    end
  end
  return rows
end

redis.register_function{function_name = 'overview', callback = overview, flags = {'no-writes'}}
