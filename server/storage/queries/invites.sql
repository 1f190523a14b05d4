-- name: create_invite(id, room_id, token_hash, made_by, made_by_name, lifetime_ms, uses_max)^
-- A new invitation; without a lifetime it never expires, without `uses_max` it never runs out.
INSERT INTO invites (id, room_id, token_hash, made_by, made_by_name, expires_at, uses_max)
VALUES (:id, :room_id, :token_hash, :made_by, :made_by_name,
        unix_ms() + :lifetime_ms::bigint, :uses_max)
RETURNING *, unix_ms() AS now;

-- name: count_invites(room_id)$
-- How many invitations of a room are good.
SELECT count(*) FROM invites
WHERE room_id = :room_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > unix_ms())
  AND (uses_max IS NULL OR uses < uses_max);

-- name: invites_of_room(room_id, limit)
-- Invitations of a room that were not revoked, the newest first.
SELECT *, unix_ms() AS now FROM invites
WHERE room_id = :room_id AND revoked_at IS NULL
ORDER BY created_at DESC, id
LIMIT :limit;

-- name: invite_by_hash(token_hash)^
-- One invitation, good or not.
SELECT *, unix_ms() AS now FROM invites WHERE token_hash = :token_hash;

-- name: revoke_invite(id, room_id)$
-- Make an invitation void; its id, or nothing when there is none.
UPDATE invites SET revoked_at = coalesce(revoked_at, unix_ms())
WHERE id = :id AND room_id = :room_id RETURNING id;

-- name: use_invite(id)$
-- Count one use, if the invitation is still good: its id, or nothing.
UPDATE invites SET uses = uses + 1
WHERE id = :id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > unix_ms())
  AND (uses_max IS NULL OR uses < uses_max)
RETURNING id;

-- name: return_invite(id)!
-- Take back a use of somebody who could not come in.
UPDATE invites SET uses = greatest(0, uses - 1) WHERE id = :id;
