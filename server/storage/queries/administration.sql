-- name: find_users(pattern, state, limit, offset)
-- Accounts whose e-mail or name contains a text, the newest first, with their live sessions.
SELECT users.*, coalesce(live.sessions, 0) AS sessions, live.seen_at
FROM users
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE ended_at IS NULL AND expires_at > unix_ms()) AS sessions,
           max(last_seen_at) AS seen_at
    FROM sessions WHERE sessions.user_id = users.id
) AS live ON true
WHERE (:pattern::text = '%' OR users.email LIKE :pattern OR lower(users.name) LIKE :pattern)
  AND CASE :state::text
      WHEN 'active' THEN users.disabled_at IS NULL
      WHEN 'disabled' THEN users.disabled_at IS NOT NULL AND users.deleted_at IS NULL
      WHEN 'admins' THEN users.is_admin
      WHEN 'deleted' THEN users.deleted_at IS NOT NULL
      ELSE true END
ORDER BY users.created_at DESC, users.id
LIMIT :limit OFFSET :offset;

-- name: lock_user(id)^
-- The account, held until the end of the transaction.
SELECT * FROM users WHERE id = :id FOR UPDATE;

-- name: disable_user(id, disabled)!
-- Let somebody in no more, or again; a deleted account stays out.
UPDATE users SET disabled_at = CASE WHEN :disabled::boolean THEN unix_ms() END
WHERE id = :id AND deleted_at IS NULL;

-- name: set_user_admin(id, is_admin)!
-- Make somebody an administrator, or no longer.
UPDATE users SET is_admin = :is_admin WHERE id = :id AND deleted_at IS NULL;

-- name: forget_user(id, email, name, departing)!
-- Take from an account all that says whose it was.
UPDATE users
SET email = :email, name = :name, password_hash = '', language = '', is_admin = false,
    disabled_at = unix_ms(), deleted_at = unix_ms(), departing = :departing
WHERE id = :id;

-- name: forget_devices(user_id)!
-- Drop all sessions of a person, with addresses and devices.
DELETE FROM sessions WHERE user_id = :user_id;

-- name: find_rooms(pattern, state, limit, offset)
-- Rooms of all kinds whose name matches, the last active first, with their owners.
SELECT chatrooms.*, coalesce(users.name, '') AS owner_name, coalesce(users.email, '') AS owner_email,
       (SELECT count(*) FROM memberships
        WHERE memberships.room_id = chatrooms.id AND memberships.role <> 'banned') AS members
FROM chatrooms LEFT JOIN users ON users.id = chatrooms.owner_id
WHERE (:pattern::text = '%' OR search_name LIKE :pattern)
  AND CASE :state::text
      WHEN 'public' THEN chatrooms.deleted_at IS NULL AND visibility = 'public'
      WHEN 'private' THEN chatrooms.deleted_at IS NULL AND visibility = 'private'
      WHEN 'deleted' THEN chatrooms.deleted_at IS NOT NULL
      ELSE chatrooms.deleted_at IS NULL END
ORDER BY chatrooms.active_at DESC, chatrooms.id
LIMIT :limit OFFSET :offset;

-- name: rooms_owned_by(owner_id, limit)
-- The live rooms that a person owns.
SELECT id, name FROM chatrooms
WHERE owner_id = :owner_id AND deleted_at IS NULL
ORDER BY id LIMIT :limit;

-- name: lock_room(id)^
-- The room, held until the end of the transaction.
SELECT * FROM chatrooms WHERE id = :id FOR UPDATE;

-- name: set_room_owner(id, owner_id)!
-- Give a room to somebody else.
UPDATE chatrooms SET owner_id = :owner_id WHERE id = :id;

-- name: set_member_role(room_id, user_id, name, role)!
-- A member's role, also of one whose coming is not saved yet.
INSERT INTO memberships (room_id, user_id, name, role)
VALUES (:room_id, :user_id, :name, :role)
ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role;

-- name: lower_member_role(room_id, user_id, role)!
-- The role of somebody who may have left.
UPDATE memberships SET role = :role WHERE room_id = :room_id AND user_id = :user_id;
