-- name: departing_users(settled_ms, limit)
-- Deleted accounts of which something is left to do, the one that left first in front.
SELECT id, name, departing, deleted_at < unix_ms() - :settled_ms::bigint AS settled FROM users
WHERE departing <> '' ORDER BY deleted_at, id LIMIT :limit;

-- name: rooms_of_person(user_id, after, limit)
-- Rooms in which somebody may have said something, deleted ones too, in the order of their ids.
SELECT chatrooms.id, chatrooms.owner_id, chatrooms.deleted_at IS NOT NULL AS deleted,
       coalesce(owners.name, '') AS owner_name, own.role,
       chatrooms.pair IS NOT NULL AS direct
FROM (
    SELECT room_id FROM messages WHERE user_id = :user_id AND kind IN ('j', 'l', 'd')
    UNION SELECT room_id FROM memberships WHERE user_id = :user_id
    UNION SELECT id FROM chatrooms WHERE owner_id = :user_id
) AS known (room_id)
JOIN chatrooms ON chatrooms.id = known.room_id
LEFT JOIN users AS owners ON owners.id = chatrooms.owner_id
LEFT JOIN memberships AS own ON own.room_id = chatrooms.id AND own.user_id = :user_id
WHERE chatrooms.id > :after::text
ORDER BY chatrooms.id
LIMIT :limit;

-- name: heir_of_room(room_id, owner_id)^
-- Who gets a room when its owner has gone: who has got it already in Redis, else a moderator,
-- else a member, else one who only reads; of those the one that came first. No bot, and nobody who cannot log in.
SELECT memberships.user_id, memberships.name
FROM memberships JOIN users ON users.id = memberships.user_id
WHERE memberships.room_id = :room_id AND memberships.user_id <> :owner_id
  AND memberships.role IN ('owner', 'moderator', 'member', 'muted')
  AND users.kind = 'person' AND users.deleted_at IS NULL AND users.disabled_at IS NULL
ORDER BY array_position(ARRAY['owner', 'moderator', 'member', 'muted'], memberships.role),
         memberships.joined_at, memberships.user_id
LIMIT 1;

-- name: memberships_of_person(user_id, after, limit)
-- Memberships by room id, with the rooms' names.
SELECT memberships.room_id, chatrooms.name, memberships.role, memberships.joined_at
FROM memberships JOIN chatrooms ON chatrooms.id = memberships.room_id
WHERE memberships.user_id = :user_id AND memberships.room_id > :after::text
ORDER BY memberships.room_id LIMIT :limit;

-- name: said_by(room_id, user_id, after, limit)
-- What a person said, edited, deleted and reacted to in a room, by cid: as it is stored.
SELECT * FROM messages
WHERE room_id = :room_id AND user_id = :user_id AND cid IS NOT NULL AND cid > :after::text
ORDER BY cid LIMIT :limit;

-- name: rename_said(room_id, user_id, name, limit)!
-- Another name over what was said in a room, a bounded number of rows at a time.
UPDATE messages SET user_name = :name
WHERE (room_id, epoch, seq) IN (
    SELECT room_id, epoch, seq FROM messages
    WHERE room_id = :room_id AND user_id = :user_id AND cid IS NOT NULL AND user_name <> :name
    LIMIT :limit
);

-- name: rename_comings(user_id, name, settled_ms, limit)!
-- Another name over comings and goings. Only over those that no writer saves any more: a
-- record that is saved twice is known by being the same.
UPDATE messages SET user_name = :name
WHERE (room_id, epoch, seq) IN (
    SELECT room_id, epoch, seq FROM messages
    WHERE user_id = :user_id AND kind IN ('j', 'l', 'd') AND user_name <> :name
      AND at < unix_ms() - :settled_ms::bigint
    LIMIT :limit
);

-- name: roles_naming(room_id, user_id, name, settled_ms, limit)
-- Roles that somebody got or gave, where another name than this stands; only those that no
-- writer saves any more.
SELECT epoch, seq, user_id, user_name, data FROM messages
WHERE room_id = :room_id AND kind = 'g' AND at < unix_ms() - :settled_ms::bigint
  AND ((user_id = :user_id AND user_name <> :name)
       OR (data::jsonb #>> '{by,id}' = :user_id AND data::jsonb #>> '{by,name}' <> :name))
LIMIT :limit;

-- name: rename_role(room_id, epoch, seq, user_name, data)!
-- Other names in the event of a role.
UPDATE messages SET user_name = :user_name, data = :data
WHERE room_id = :room_id AND epoch = :epoch AND seq = :seq AND kind = 'g';

-- name: rename_memberships(user_id, name)!
-- Another name of a member.
UPDATE memberships SET name = :name WHERE user_id = :user_id AND name <> :name;

-- name: standing_messages(room_id, user_id, limit)
-- Messages of a person in a room that are not deleted.
SELECT epoch, seq, cid FROM messages AS message
WHERE room_id = :room_id AND user_id = :user_id AND cid IS NOT NULL AND kind = 'm'
  AND NOT EXISTS (
    SELECT FROM messages AS tombstone
    WHERE tombstone.room_id = message.room_id AND tombstone.kind = 'x'
      AND tombstone.data::jsonb #>> '{target,user}' = message.user_id
      AND tombstone.data::jsonb #>> '{target,cid}' = message.cid
  )
LIMIT :limit;

-- name: erase_said(room_id, user_id, limit)!
-- Erase the texts of a person in a room that nobody can read any more, and what they say of files.
UPDATE messages SET text = '', data = CASE WHEN kind = 'm' AND data::jsonb ? 'files'
    THEN nullif((data::jsonb - 'files')::text, '{}') ELSE data END
WHERE (room_id, epoch, seq) IN (
    SELECT room_id, epoch, seq FROM messages
    WHERE room_id = :room_id AND user_id = :user_id AND cid IS NOT NULL
      AND (text <> '' OR (kind = 'm' AND data::jsonb ? 'files'))
    LIMIT :limit
);

-- name: end_departure(id)!
-- All is done.
UPDATE users SET departing = '' WHERE id = :id;
