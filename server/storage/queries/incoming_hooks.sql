-- name: create_bot(id, email, name)!
-- A user that nobody can log in as.
INSERT INTO users (id, email, name, password_hash, kind) VALUES (:id, :email, :name, '', 'bot');

-- name: create_incoming_hook(id, room_id, name, secret_hash, bot_id, created_by, limit)$
-- A hook of a room that has fewer than so many; its id, or nothing.
INSERT INTO incoming_hooks (id, room_id, name, secret_hash, bot_id, created_by)
SELECT :id, :room_id, :name, :secret_hash, :bot_id, :created_by
WHERE (SELECT count(*) FROM incoming_hooks
       WHERE room_id = :room_id AND ended_at IS NULL) < :limit::bigint
RETURNING id;

-- name: incoming_hook(id)^
-- A hook that was not revoked, with its bot and its room.
SELECT incoming_hooks.*, users.name AS bot_name
FROM incoming_hooks JOIN users ON users.id = incoming_hooks.bot_id
WHERE incoming_hooks.id = :id AND incoming_hooks.ended_at IS NULL;

-- name: incoming_hooks_of_room(room_id)
-- The hooks of a room that were not revoked, the newest first.
SELECT incoming_hooks.*, users.name AS bot_name
FROM incoming_hooks JOIN users ON users.id = incoming_hooks.bot_id
WHERE incoming_hooks.room_id = :room_id AND incoming_hooks.ended_at IS NULL
ORDER BY incoming_hooks.created_at DESC, incoming_hooks.id;

-- name: end_incoming_hook(id, room_id)$
-- Revoke a hook of a room; its bot, or nothing when there was none.
UPDATE incoming_hooks SET ended_at = unix_ms()
WHERE id = :id AND room_id = :room_id AND ended_at IS NULL
RETURNING bot_id;

-- name: set_incoming_secret(id, room_id, secret_hash)$
-- Change the secret of a hook; its id, or nothing when there was none.
UPDATE incoming_hooks SET secret_hash = :secret_hash
WHERE id = :id AND room_id = :room_id AND ended_at IS NULL
RETURNING id;

-- name: touch_incoming_hook(id, step_ms)!
-- Note that a hook is in use, but not at every message.
UPDATE incoming_hooks SET used_at = unix_ms()
WHERE id = :id AND coalesce(used_at, 0) < unix_ms() - :step_ms::bigint;

-- name: message_of(room_id, user_id, cid)$
-- Whether a person's message of this cid is saved.
SELECT EXISTS (
    SELECT FROM messages WHERE room_id = :room_id AND user_id = :user_id AND cid = :cid
);
