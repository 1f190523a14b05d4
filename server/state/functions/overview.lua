-- Look at several rooms for a list of rooms.
--
-- KEYS - head, then five per room: room, log, members, reads, online
-- ARGV - user id
--
-- Returns one row per room: {epoch, seq, saved epoch, saved seq, messages, unread, people
-- online, members, role or '', newest message or '', its last edit and its deletion, each as
-- {kind, event}, 'public' | 'private', read epoch, read seq}, or {} when the room is not here.

local STEP = 20
local LOOK_BACK = 5 -- steps; a room whose newest message hides behind more shows none

-- Return the newest message of a log, and of what was done to it the last edit and a deletion.
local function newest(log)
  local later, edge = {}, '+'
  for _ = 1, LOOK_BACK do
    local entries = redis.call('XREVRANGE', log, edge, '-', 'COUNT', STEP)
    for _, entry in ipairs(entries) do
      local kind, event = entry[2][1], entry[2][2]
      if kind == 'm' then
        if #later == 0 then
          return event, later
        end
        local message, changes, known = cjson.decode(event), {}, {}
        -- A quote inside of a text is escaped: nobody can write this into one.
        local target = '"user":"' .. message.user.id .. '","cid":"' .. message.cid .. '"}'
        for _, change in ipairs(later) do
          if not known[change[1]] and string.find(change[2], target, 1, true) then
            known[change[1]] = true
            changes[#changes + 1] = change
          end
        end
        return event, changes
      elseif kind == 'e' or kind == 'x' then
        later[#later + 1] = {kind, event}
      end
    end
    if #entries < STEP then
      break
    end
    edge = '(' .. entries[STEP][1]
  end
  return '', {}
end

local function overview(keys, args)
  local partition = open(keys[1])
  local rows = {}
  for k = 2, #keys, 5 do
    local room = load_room(partition, '', keys[k], keys[k + 1])
    if room.state ~= 'live' then
      rows[#rows + 1] = {}
    else
      local role = role_of(redis.call('HGET', keys[k + 2], args[1])) or ''
      local read_epoch, read_seq, read = parse_mark(redis.call('HGET', keys[k + 3], args[1]))
      local last, changes = newest(keys[k + 1])
      local unread = 0
      if role ~= '' then
        unread = math.max(0, room.messages - read)
      end
      rows[#rows + 1] = {text(room.epoch), text(room.seq), text(room.saved_epoch),
        text(room.saved_seq), text(room.messages), text(unread),
        redis.call('HLEN', keys[k + 4]), redis.call('HLEN', keys[k + 2]), role, last,
        changes, redis.call('HGET', keys[k], 'visibility'), text(read_epoch), text(read_seq)}
    end
  end
  return rows
end

redis.register_function{function_name = 'overview', callback = overview, flags = {'no-writes'}}
