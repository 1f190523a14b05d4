-- name: lock_file_space()$
-- How many bytes all files take; nobody else adds or removes one until the end.
SELECT stored FROM file_space FOR UPDATE;

-- name: file_space()$
-- How many bytes all files take.
SELECT stored FROM file_space;

-- name: own_file_space(user_id)$
-- How many bytes the files of a person take.
SELECT coalesce(sum(stored), 0)::bigint FROM files WHERE user_id = :user_id;

-- name: change_file_space(by)!
-- More or fewer bytes.
UPDATE file_space SET stored = stored + :by;

-- name: add_file(id, room_id, user_id, name, type, bytes, stored, width, height)!
-- A file that no message carries yet.
INSERT INTO files (id, room_id, user_id, name, type, bytes, stored, width, height)
VALUES (:id, :room_id, :user_id, :name, :type, :bytes, :stored, :width, :height);

-- name: file_by_id(id)^
-- A file that may be read in its room.
SELECT id, room_id, name, type, bytes, width, height FROM files
WHERE id = :id AND deleted_at IS NULL;

-- name: use_files(ids, room_ids, user_ids, cids)!
-- Say which message carries a file, the first one that does; of a deleted message it goes too.
UPDATE files SET cid = given.cid, deleted_at = CASE WHEN EXISTS (
    SELECT FROM messages AS tombstone
    WHERE tombstone.room_id = given.room_id AND tombstone.kind = 'x'
      AND tombstone.data::jsonb #>> '{target,user}' = given.user_id
      AND tombstone.data::jsonb #>> '{target,cid}' = given.cid
) THEN unix_ms() ELSE files.deleted_at END
FROM unnest(:ids::text[], :room_ids::text[], :user_ids::text[], :cids::text[])
    AS given (id, room_id, user_id, cid)
WHERE files.id = given.id AND files.room_id = given.room_id
  AND files.user_id = given.user_id AND files.cid IS NULL;

-- name: delete_files(room_ids, user_ids, cids)!
-- Take away the files of deleted messages.
UPDATE files SET deleted_at = unix_ms()
FROM unnest(:room_ids::text[], :user_ids::text[], :cids::text[]) AS gone (room_id, user_id, cid)
WHERE files.room_id = gone.room_id AND files.user_id = gone.user_id
  AND files.cid = gone.cid AND files.deleted_at IS NULL;

-- name: delete_unused_files(age_ms, limit)!
-- Take away files that no message carries for so long.
UPDATE files SET deleted_at = unix_ms()
WHERE id IN (
    SELECT id FROM files
    WHERE cid IS NULL AND created_at < unix_ms() - :age_ms::bigint AND deleted_at IS NULL
    ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED
) AND cid IS NULL;

-- name: discard_file(id)!
-- Take away a file that no message carries.
UPDATE files SET deleted_at = unix_ms() WHERE id = :id AND cid IS NULL AND deleted_at IS NULL;

-- name: delete_files_of_rooms(limit)!
-- Take away files of deleted rooms.
UPDATE files SET deleted_at = unix_ms()
WHERE id IN (
    SELECT files.id FROM chatrooms JOIN files ON files.room_id = chatrooms.id
    WHERE chatrooms.deleted_at IS NOT NULL AND files.deleted_at IS NULL
    LIMIT :limit
);

-- name: deleted_files(limit)
-- Files whose bytes are to go, the first deleted first.
SELECT id FROM files
WHERE deleted_at IS NOT NULL
ORDER BY deleted_at
LIMIT :limit;

-- name: forget_files(ids)
-- Their bytes are gone; of two who say so at once, one gets each row.
DELETE FROM files WHERE id = ANY(:ids::text[]) RETURNING stored;

-- name: files_of_person(user_id, after, limit)
-- A page of what a person uploaded, for an export.
SELECT id, room_id, name, type, bytes, created_at FROM files
WHERE user_id = :user_id AND id > :after AND deleted_at IS NULL
ORDER BY id LIMIT :limit;
