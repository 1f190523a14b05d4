-- name: create_room(id, name, search_name, owner_id, visibility, description)^
-- A new room.
INSERT INTO chatrooms (id, name, search_name, owner_id, visibility, description)
VALUES (:id, :name, :search_name, :owner_id, :visibility, :description)
RETURNING *;

-- name: create_membership(room_id, user_id, name, role)!
-- The first member: who makes a room is its owner without a `joined` event.
INSERT INTO memberships (room_id, user_id, name, role)
VALUES (:room_id, :user_id, :name, :role);

-- name: room_by_id(id)^
-- One room, deleted or not; of direct messages with the names of today.
SELECT chatrooms.*,
       (SELECT array_agg(users.id || ' ' || users.name ORDER BY users.id) FROM users
        WHERE users.id = ANY(chatrooms.pair)) AS people
FROM chatrooms WHERE id = :id;

-- name: create_direct(id, pair)$
-- The room of two people: its id, or nothing when it is there.
INSERT INTO chatrooms (id, name, search_name, owner_id, visibility, pair)
VALUES (:id, '', '', '', 'private', :pair)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: create_pair(id)!
-- Both people of a new room of direct messages are members from the beginning.
INSERT INTO memberships (room_id, user_id, name, role)
SELECT chatrooms.id, users.id, users.name, 'member'
FROM chatrooms JOIN users ON users.id = ANY(chatrooms.pair)
WHERE chatrooms.id = :id;

-- name: search_rooms(pattern, limit, offset)
-- Live public rooms whose folded name matches, the last active first.
SELECT * FROM chatrooms
WHERE deleted_at IS NULL AND visibility = 'public'
  AND (:pattern::text = '%' OR search_name LIKE :pattern)
ORDER BY active_at DESC, id
LIMIT :limit OFFSET :offset;

-- name: rooms_of_member(user_id, limit)
-- Live rooms that this person is in, favourites first, then the last active; with what is unread.
SELECT chatrooms.*, memberships.role, favourites.room_id IS NOT NULL AS favourite,
       greatest(0, chatrooms.messages - memberships.read_messages) AS unread,
       (SELECT array_agg(users.id || ' ' || users.name ORDER BY users.id) FROM users
        WHERE users.id = ANY(chatrooms.pair)) AS people
FROM memberships JOIN chatrooms ON chatrooms.id = memberships.room_id
LEFT JOIN favourites ON favourites.user_id = memberships.user_id
  AND favourites.room_id = memberships.room_id
WHERE memberships.user_id = :user_id AND memberships.role <> 'banned'
  AND chatrooms.deleted_at IS NULL
ORDER BY favourites.room_id IS NULL, chatrooms.active_at DESC, chatrooms.id
LIMIT :limit;

-- name: owned_rooms(owner_id)$
-- How many live rooms this person owns.
SELECT count(*) FROM chatrooms WHERE owner_id = :owner_id AND deleted_at IS NULL;

-- name: change_room(id, visibility, description)$
-- Change who may come into a live room, and what it is about; its id, or nothing.
UPDATE chatrooms SET visibility = :visibility, description = :description
WHERE id = :id AND deleted_at IS NULL RETURNING id;

-- name: delete_room(id)$
-- Mark a room as deleted; its id, or nothing when it was deleted before.
UPDATE chatrooms SET deleted_at = unix_ms() WHERE id = :id AND deleted_at IS NULL RETURNING id;

-- name: deleted_rooms(before_at, before_id, settled_ms, limit)
-- Deletions older than a moment, before a place in their order, the newest first.
SELECT chatrooms.id, chatrooms.deleted_at, chatrooms.owner_id,
       coalesce(users.name, '') AS owner_name
FROM chatrooms LEFT JOIN users ON users.id = chatrooms.owner_id
WHERE chatrooms.deleted_at <= unix_ms() - :settled_ms::bigint
  AND (chatrooms.deleted_at, chatrooms.id) < (:before_at::bigint, :before_id::text)
ORDER BY chatrooms.deleted_at DESC, chatrooms.id DESC
LIMIT :limit;

-- name: members_of_room(room_id, limit)
-- Members, banned ones too, in the order they came, with the names of today.
SELECT memberships.user_id, memberships.role, coalesce(users.name, memberships.name) AS name,
       memberships.read_epoch, memberships.read_seq, memberships.read_messages
FROM memberships LEFT JOIN users ON users.id = memberships.user_id
WHERE memberships.room_id = :room_id
ORDER BY memberships.joined_at, memberships.user_id
LIMIT :limit;

-- name: summarize_rooms(room_ids, user_id)
-- What a list of rooms shows, for live rooms: counts, this person's role and unread.
SELECT chatrooms.id, chatrooms.messages, chatrooms.last_epoch, chatrooms.last_seq,
       own.role, greatest(0, chatrooms.messages - own.read_messages) AS unread,
       own.read_epoch, own.read_seq,
       (SELECT count(*) FROM memberships
        WHERE memberships.room_id = chatrooms.id AND memberships.role <> 'banned') AS members
FROM chatrooms
LEFT JOIN memberships AS own ON own.room_id = chatrooms.id AND own.user_id = :user_id
WHERE chatrooms.id = ANY(:room_ids::text[]) AND chatrooms.deleted_at IS NULL;

-- name: newest_messages(room_ids)
-- The newest message of each room, by walking each room's key backwards.
SELECT newest.*
FROM unnest(:room_ids::text[]) AS given (room_id)
CROSS JOIN LATERAL (
    SELECT * FROM messages
    WHERE messages.room_id = given.room_id AND messages.kind = 'm'
    ORDER BY epoch DESC, seq DESC
    LIMIT 1
) AS newest;
