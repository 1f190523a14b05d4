-- name: page_before(room_id, epoch, seq, limit)
-- The events right before a position, newest first.
SELECT room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data
FROM messages
WHERE room_id = :room_id AND (epoch, seq) < (:epoch::bigint, :seq::bigint)
ORDER BY epoch DESC, seq DESC
LIMIT :limit;

-- name: page_after(room_id, epoch, seq, limit)
-- The events right after a position, oldest first.
SELECT room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data
FROM messages
WHERE room_id = :room_id AND (epoch, seq) > (:epoch::bigint, :seq::bigint)
ORDER BY epoch, seq
LIMIT :limit;

-- name: shown_before(room_id, epoch, seq, limit)
-- The events right before a position that a page lists, newest first.
SELECT room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data
FROM messages
WHERE room_id = :room_id AND (epoch, seq) < (:epoch::bigint, :seq::bigint)
  AND kind IN ('m', 'j', 'l', 'g', 'd')
ORDER BY epoch DESC, seq DESC
LIMIT :limit;

-- name: shown_after(room_id, epoch, seq, limit)
-- The events right after a position that a page lists, oldest first.
SELECT room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data
FROM messages
WHERE room_id = :room_id AND (epoch, seq) > (:epoch::bigint, :seq::bigint)
  AND kind IN ('m', 'j', 'l', 'g', 'd')
ORDER BY epoch, seq
LIMIT :limit;

-- name: changes_of(room_ids, user_ids, cids)
-- What counts of the changes of these messages: the last text, the deletion, and the last
-- word of each person on each emoji, and on the pin.
SELECT DISTINCT ON (change.room_id, wanted.user_id, wanted.cid, change.kind, emoji, person)
       change.room_id, change.epoch, change.seq, change.kind, change.at, change.user_id,
       change.user_name, change.cid, change.text, change.data,
       CASE WHEN change.kind = 'a' THEN change.data::jsonb ->> 'emoji' END AS emoji,
       CASE WHEN change.kind = 'a' THEN change.user_id END AS person
FROM unnest(:room_ids::text[], :user_ids::text[], :cids::text[]) AS wanted (room_id, user_id, cid)
JOIN messages AS change
  ON change.room_id = wanted.room_id AND change.kind IN ('e', 'x', 'a', 'n')
 AND change.data::jsonb #>> '{target,user}' = wanted.user_id
 AND change.data::jsonb #>> '{target,cid}' = wanted.cid
ORDER BY change.room_id, wanted.user_id, wanted.cid, change.kind, emoji, person,
         change.epoch DESC, change.seq DESC;

-- name: pins_of(room_id, limit)
-- The pins of a room that hold, the last first.
SELECT room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data
FROM (
    SELECT DISTINCT ON (data::jsonb #>> '{target,user}', data::jsonb #>> '{target,cid}') *
    FROM messages WHERE room_id = :room_id AND kind = 'n'
    ORDER BY data::jsonb #>> '{target,user}', data::jsonb #>> '{target,cid}',
             epoch DESC, seq DESC
) AS pin
WHERE (data::jsonb ->> 'on')::boolean AND NOT EXISTS (
    SELECT FROM messages AS tombstone
    WHERE tombstone.room_id = pin.room_id AND tombstone.kind = 'x'
      AND tombstone.data::jsonb #>> '{target,user}' = pin.data::jsonb #>> '{target,user}'
      AND tombstone.data::jsonb #>> '{target,cid}' = pin.data::jsonb #>> '{target,cid}'
)
ORDER BY epoch DESC, seq DESC
LIMIT :limit;

-- name: named_messages(room_ids, user_ids, cids)
-- Messages by their names.
SELECT message.*
FROM unnest(:room_ids::text[], :user_ids::text[], :cids::text[]) AS wanted (room_id, user_id, cid)
JOIN messages AS message
  ON message.room_id = wanted.room_id AND message.user_id = wanted.user_id
 AND message.cid = wanted.cid AND message.kind = 'm';

-- name: edits_of(room_id, user_id, cid)
-- All texts that a message was given later, the oldest first.
SELECT room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data
FROM messages
WHERE room_id = :room_id AND kind = 'e'
  AND data::jsonb #>> '{target,user}' = :user_id
  AND data::jsonb #>> '{target,cid}' = :cid
ORDER BY epoch, seq;

-- name: has_position(room_id, epoch, seq)$
-- Whether an event stands exactly there.
SELECT EXISTS (
    SELECT FROM messages WHERE room_id = :room_id AND epoch = :epoch AND seq = :seq
);

-- name: author_at(room_id, epoch, seq)^
-- Who wrote the message at a position, unless it is deleted.
SELECT user_id, cid, at FROM messages AS message
WHERE room_id = :room_id AND epoch = :epoch AND seq = :seq AND kind = 'm'
  AND NOT EXISTS (
    SELECT FROM messages AS tombstone
    WHERE tombstone.room_id = message.room_id AND tombstone.kind = 'x'
      AND tombstone.data::jsonb #>> '{target,user}' = message.user_id
      AND tombstone.data::jsonb #>> '{target,cid}' = message.cid
  );

-- name: change_of(room_id, user_id, cid)^
-- Where a person's change of this cid stands.
SELECT epoch, seq, at FROM messages
WHERE room_id = :room_id AND user_id = :user_id AND cid = :cid AND kind IN ('e', 'x', 'a', 'n');

-- name: newest_position(room_id)^
-- Where the saved history of a room ends, set-aside records included.
SELECT last_epoch, last_seq FROM chatrooms WHERE id = :room_id;

-- name: first_message_since(room_id, moment)^
-- The first message of a room that is not older than a moment. Times grow with positions, so
-- the positions of one epoch are halved until the place is found: some twenty looks at the key.
WITH RECURSIVE epochs AS (
    (SELECT epoch, seq, at FROM messages WHERE room_id = :room_id ORDER BY epoch, seq LIMIT 1)
    UNION ALL
    SELECT next.epoch, next.seq, next.at
    FROM epochs CROSS JOIN LATERAL (
        SELECT epoch, seq, at FROM messages
        WHERE room_id = :room_id AND messages.epoch > epochs.epoch
        ORDER BY epoch, seq LIMIT 1
    ) AS next
), halves AS (
    SELECT chosen.epoch, chosen.seq AS low, 1 + (
        SELECT max(seq) FROM messages WHERE room_id = :room_id AND messages.epoch = chosen.epoch
    ) AS high
    FROM (
        SELECT epoch, seq FROM epochs WHERE at < :moment::bigint ORDER BY epoch DESC LIMIT 1
    ) AS chosen
    UNION ALL
    SELECT halves.epoch,
           CASE WHEN probe.at < :moment THEN probe.seq + 1 ELSE low END,
           CASE WHEN probe.at < :moment THEN high ELSE (low + high) / 2 END
    FROM halves CROSS JOIN LATERAL (
        SELECT seq, at FROM messages
        WHERE room_id = :room_id AND messages.epoch = halves.epoch AND seq >= (low + high) / 2
        ORDER BY seq LIMIT 1
    ) AS probe
    WHERE low < high
)
SELECT epoch, seq FROM messages
WHERE room_id = :room_id AND kind = 'm' AND (epoch, seq) >= (
    coalesce((SELECT epoch FROM halves WHERE low >= high), 0),
    coalesce((SELECT low FROM halves WHERE low >= high), 0)
)
ORDER BY epoch, seq
LIMIT 1;

-- name: lock_rooms(room_ids)!
-- Two writers that overlap take turns room by room, always in this order: no deadlock.
SELECT id FROM chatrooms WHERE id = ANY(:room_ids::text[]) ORDER BY id FOR NO KEY UPDATE;

-- name: insert_events(room_ids, epochs, seqs, kinds, ats, user_ids, user_names, cids, texts, datas)
-- Insert what is not there yet; a message sent again moves to its later position. An
-- identical row is left out first, so the primary key fails only where a position was
-- given twice. What belongs to a deleted message comes without its text and files. Of two kinds under
-- one cid the first stays. Returns the rows written; `fresh` is false for one that moved.
WITH given AS (
    SELECT room_id, epoch, seq, kind, at, user_id, user_name, cid,
           CASE WHEN kind IN ('m', 'e') AND EXISTS (
               SELECT FROM messages AS tombstone
               WHERE tombstone.room_id = raw.room_id AND tombstone.kind = 'x'
                 AND tombstone.data::jsonb #>> '{target,user}'
                     = coalesce(raw.data::jsonb #>> '{target,user}', raw.user_id)
                 AND tombstone.data::jsonb #>> '{target,cid}'
                     = coalesce(raw.data::jsonb #>> '{target,cid}', raw.cid)
           ) THEN '' ELSE text END AS text,
           CASE WHEN kind = 'm' AND raw.data::jsonb ? 'files' AND EXISTS (
               SELECT FROM messages AS tombstone
               WHERE tombstone.room_id = raw.room_id AND tombstone.kind = 'x'
                 AND tombstone.data::jsonb #>> '{target,user}' = raw.user_id
                 AND tombstone.data::jsonb #>> '{target,cid}' = raw.cid
           ) THEN nullif((raw.data::jsonb - 'files')::text, '{}') ELSE data END AS data
    FROM unnest(
        :room_ids::text[], :epochs::bigint[], :seqs::bigint[], :kinds::text[], :ats::bigint[],
        :user_ids::text[], :user_names::text[], :cids::text[], :texts::text[], :datas::text[]
    ) AS raw (room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data)
)
INSERT INTO messages AS kept
    (room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data)
SELECT * FROM given
WHERE NOT EXISTS (
    SELECT FROM messages AS same
    WHERE same.room_id = given.room_id AND same.epoch = given.epoch AND same.seq = given.seq
      AND (same.kind, same.at, same.user_id, same.user_name, same.cid, same.text, same.data)
        IS NOT DISTINCT FROM
          (given.kind, given.at, given.user_id, given.user_name, given.cid, given.text, given.data)
)
ORDER BY room_id, epoch, seq
ON CONFLICT (room_id, user_id, cid) WHERE cid IS NOT NULL DO UPDATE
SET epoch = excluded.epoch, seq = excluded.seq, at = excluded.at,
    user_name = excluded.user_name, text = excluded.text, data = excluded.data
WHERE (excluded.epoch, excluded.seq) > (kept.epoch, kept.seq) AND excluded.kind = kept.kind
RETURNING kept.room_id, kept.epoch, kept.seq, kept.xmax = 0 AS fresh;

-- name: erase_messages(room_ids, user_ids, cids)!
-- Erase the texts of deleted messages, and what they say of files.
UPDATE messages SET text = '', data = CASE WHEN data::jsonb ? 'files'
    THEN nullif((data::jsonb - 'files')::text, '{}') ELSE data END
FROM unnest(:room_ids::text[], :user_ids::text[], :cids::text[]) AS gone (room_id, user_id, cid)
WHERE messages.room_id = gone.room_id AND messages.user_id = gone.user_id
  AND messages.cid = gone.cid AND messages.kind = 'm'
  AND (messages.text <> '' OR messages.data::jsonb ? 'files');

-- name: erase_edits(room_ids, user_ids, cids)!
-- Erase what deleted messages were edited to.
UPDATE messages SET text = ''
FROM unnest(:room_ids::text[], :user_ids::text[], :cids::text[]) AS gone (room_id, user_id, cid)
WHERE messages.room_id = gone.room_id AND messages.kind = 'e' AND messages.text <> ''
  AND messages.data::jsonb #>> '{target,user}' = gone.user_id
  AND messages.data::jsonb #>> '{target,cid}' = gone.cid;

-- name: raise_rooms(room_ids, epochs, seqs, messages, active_ats, deleted_ats)!
-- Count new messages, move the end of saved history on, and mark deleted rooms.
UPDATE chatrooms
SET messages = chatrooms.messages + given.messages,
    active_at = greatest(chatrooms.active_at, given.active_at),
    deleted_at = coalesce(chatrooms.deleted_at, given.deleted_at),
    last_epoch = CASE WHEN (given.epoch, given.seq) > (last_epoch, last_seq)
                      THEN given.epoch ELSE last_epoch END,
    last_seq = CASE WHEN (given.epoch, given.seq) > (last_epoch, last_seq)
                    THEN given.seq ELSE last_seq END
FROM unnest(
    :room_ids::text[], :epochs::bigint[], :seqs::bigint[], :messages::bigint[],
    :active_ats::bigint[], :deleted_ats::bigint[]
) AS given (room_id, epoch, seq, messages, active_at, deleted_at)
WHERE chatrooms.id = given.room_id;

-- name: unread_with_at(room_ids, epochs, seqs, most)
-- What was said after a mark with an @ in it, the newest of each room: an index has these alone.
SELECT said.room_id, said.user_id, said.cid, said.text
FROM unnest(:room_ids::text[], :epochs::bigint[], :seqs::bigint[]) AS mark (room_id, epoch, seq)
CROSS JOIN LATERAL (
    SELECT room_id, user_id, cid, text FROM messages
    WHERE messages.room_id = mark.room_id AND kind = 'm' AND text LIKE '%@%'
      AND (messages.epoch, messages.seq) > (mark.epoch, mark.seq)
    ORDER BY epoch DESC, seq DESC
    LIMIT :most
) AS said;
