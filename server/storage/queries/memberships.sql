-- name: upsert_memberships(room_ids, user_ids, names, roles, ats, epochs, seqs, laters)!
-- People who joined have read everything up to there: all the room's messages but the
-- `laters` that came after them in the same transaction.
INSERT INTO memberships
    (room_id, user_id, name, role, joined_at, read_epoch, read_seq, read_messages)
SELECT given.room_id, given.user_id, given.name, given.role, given.at, given.epoch, given.seq,
       greatest(0, coalesce(chatrooms.messages, 0) - given.later)
FROM unnest(
    :room_ids::text[], :user_ids::text[], :names::text[], :roles::text[], :ats::bigint[],
    :epochs::bigint[], :seqs::bigint[], :laters::bigint[]
) AS given (room_id, user_id, name, role, at, epoch, seq, later)
LEFT JOIN chatrooms ON chatrooms.id = given.room_id
ORDER BY given.room_id, given.user_id
ON CONFLICT (room_id, user_id) DO UPDATE
SET name = excluded.name, role = excluded.role, read_epoch = excluded.read_epoch,
    read_seq = excluded.read_seq, read_messages = excluded.read_messages;

-- name: set_roles(room_ids, user_ids, names, roles, ats)!
-- People who have another role now; who is banned may have been a stranger.
INSERT INTO memberships (room_id, user_id, name, role, joined_at)
SELECT * FROM unnest(
    :room_ids::text[], :user_ids::text[], :names::text[], :roles::text[], :ats::bigint[]
) AS given (room_id, user_id, name, role, at)
ORDER BY given.room_id, given.user_id
ON CONFLICT (room_id, user_id) DO UPDATE SET name = excluded.name, role = excluded.role;

-- name: remove_memberships(room_ids, user_ids)!
-- People who left or were removed.
DELETE FROM memberships
USING unnest(:room_ids::text[], :user_ids::text[]) AS given (room_id, user_id)
WHERE memberships.room_id = given.room_id AND memberships.user_id = given.user_id;

-- name: raise_read_marks(room_ids, user_ids, epochs, seqs, messages)!
-- Read marks only ever go forward.
UPDATE memberships
SET read_epoch = given.epoch, read_seq = given.seq, read_messages = given.messages
FROM unnest(
    :room_ids::text[], :user_ids::text[], :epochs::bigint[], :seqs::bigint[],
    :messages::bigint[]
) AS given (room_id, user_id, epoch, seq, messages)
WHERE memberships.room_id = given.room_id AND memberships.user_id = given.user_id
  AND (memberships.read_epoch, memberships.read_seq) < (given.epoch, given.seq);
