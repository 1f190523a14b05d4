-- name: create_outgoing_hook(id, room_id, name, url, secret, created_by, epoch, seq, limit)$
-- A hook of a room that has fewer than so many; its id, or nothing.
INSERT INTO outgoing_hooks (id, room_id, name, url, secret, created_by, epoch, seq)
SELECT :id, :room_id, :name, :url, :secret, :created_by, :epoch::bigint, :seq::bigint
WHERE (SELECT count(*) FROM outgoing_hooks
       WHERE room_id = :room_id AND ended_at IS NULL) < :limit::bigint
RETURNING id;

-- name: outgoing_hooks_of_room(room_id)
-- The hooks of a room that were not removed, the newest first.
SELECT * FROM outgoing_hooks
WHERE room_id = :room_id AND ended_at IS NULL
ORDER BY created_at DESC, id;

-- name: end_outgoing_hook(id, room_id)$
-- Remove a hook of a room; its id, or nothing when there was none.
UPDATE outgoing_hooks SET ended_at = unix_ms(), secret = ''
WHERE id = :id AND room_id = :room_id AND ended_at IS NULL
RETURNING id;

-- name: set_outgoing_secret(id, room_id, secret)$
-- Change the secret of a hook; its id, or nothing when there was none.
UPDATE outgoing_hooks SET secret = :secret
WHERE id = :id AND room_id = :room_id AND ended_at IS NULL
RETURNING id;

-- name: revive_outgoing_hook(id, room_id)$
-- Try a hook again now, from where it stopped; its id, or nothing when there was none.
UPDATE outgoing_hooks
SET dead_at = NULL, failures = 0, failing_since = NULL, next_at = 0
WHERE id = :id AND room_id = :room_id AND ended_at IS NULL
RETURNING id;

-- name: claim_outgoing_hooks(lease, lease_ms, limit)
-- Take hooks whose room has saved more than was delivered, those that waited longest first.
UPDATE outgoing_hooks AS hook
SET lease = :lease, leased_until = unix_ms() + :lease_ms::bigint
FROM (
    SELECT due.id, chatrooms.name AS room_name, chatrooms.last_epoch, chatrooms.last_seq
    FROM outgoing_hooks AS due JOIN chatrooms ON chatrooms.id = due.room_id
    WHERE due.dead_at IS NULL AND due.ended_at IS NULL AND due.next_at <= unix_ms()
      AND due.leased_until <= unix_ms() AND chatrooms.deleted_at IS NULL
      AND (chatrooms.last_epoch, chatrooms.last_seq) > (due.epoch, due.seq)
    ORDER BY due.next_at, due.leased_until
    LIMIT :limit
    FOR UPDATE OF due SKIP LOCKED
) AS found
WHERE hook.id = found.id
RETURNING hook.*, found.room_name, found.last_epoch, found.last_seq;

-- name: messages_to_deliver(room_id, epoch, seq, limit)
-- Saved events after a position, of every kind, in their order.
SELECT room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data
FROM messages
WHERE room_id = :room_id AND (epoch, seq) > (:epoch::bigint, :seq::bigint)
ORDER BY epoch, seq
LIMIT :limit;

-- name: advance_outgoing_hook(id, lease, epoch, seq, delivered)$
-- Move on: everything up to there is done. Nothing for one whose lease is another's, or that
-- was removed. A hook that has failed goes on failing until something is delivered.
UPDATE outgoing_hooks
SET epoch = :epoch, seq = :seq,
    failures = CASE WHEN :delivered::boolean THEN 0 ELSE failures END,
    failing_since = CASE WHEN :delivered::boolean THEN NULL ELSE failing_since END,
    last_error = CASE WHEN :delivered::boolean THEN '' ELSE last_error END,
    delivered_at = CASE WHEN :delivered::boolean THEN unix_ms() ELSE delivered_at END
WHERE id = :id AND lease = :lease AND ended_at IS NULL
RETURNING id;

-- name: release_outgoing_hook(id, lease)!
-- Give a hook back.
UPDATE outgoing_hooks SET lease = NULL, leased_until = 0 WHERE id = :id AND lease = :lease;

-- name: fail_outgoing_hook(id, lease, error, wait_ms, patience_ms, gone)^
-- Note a failure and give the hook back: it waits, or it is dead when nothing was delivered
-- for too long or the receiver has gone.
UPDATE outgoing_hooks
SET failures = failures + 1, failing_since = coalesce(failing_since, unix_ms()),
    last_error = :error, next_at = unix_ms() + :wait_ms::bigint, lease = NULL, leased_until = 0,
    dead_at = CASE WHEN :gone::boolean
        OR unix_ms() - coalesce(failing_since, unix_ms()) >= :patience_ms::bigint
        THEN unix_ms() END
WHERE id = :id AND lease = :lease
RETURNING dead_at;
