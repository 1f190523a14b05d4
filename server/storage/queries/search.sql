-- name: search_messages(terms, wholes, user_id, rooms, authors, has_file, before, after, at, room_id, epoch, seq, limit)
-- Messages whose text of now has all terms, in live rooms that this person may read, before a
-- place in their order, the newest first. No terms ask for all; `rooms` and `authors` are
-- patterns of folded names.
WITH readable AS MATERIALIZED (
    SELECT chatrooms.id, chatrooms.name
    FROM chatrooms
    LEFT JOIN memberships AS own ON own.room_id = chatrooms.id AND own.user_id = :user_id
    WHERE chatrooms.deleted_at IS NULL AND own.role IS DISTINCT FROM 'banned'
      AND (chatrooms.visibility = 'public' OR own.role IS NOT NULL)
      AND (:rooms::text = '%' OR chatrooms.search_name LIKE :rooms)
)
SELECT message.room_id, message.epoch, message.seq, message.kind, message.at, message.user_id,
       message.user_name, message.cid, message.text, message.data, readable.name AS room_name
FROM messages AS found
JOIN readable ON readable.id = found.room_id
JOIN messages AS message
  ON message.room_id = found.room_id AND message.kind = 'm'
 AND message.user_id = coalesce(found.data::jsonb #>> '{target,user}', found.user_id)
 AND message.cid = coalesce(found.data::jsonb #>> '{target,cid}', found.cid)
WHERE found.kind IN ('m', 'e')
  AND (:terms::text[] = '{}' OR search_words(found.text) @@ search_query(:terms, :wholes))
  AND (:authors::text = '%' OR found.user_id IN (
      SELECT id FROM users
      WHERE normalize(lower(name COLLATE pg_c_utf8), NFC) LIKE :authors
  ))
  AND (NOT :has_file::boolean OR EXISTS (
      SELECT FROM files
      WHERE files.room_id = message.room_id AND files.user_id = message.user_id
        AND files.cid = message.cid AND files.deleted_at IS NULL
  ))
  AND message.at >= :after::bigint AND message.at < :before::bigint
  AND (message.at, message.room_id, message.epoch, message.seq)
    < (:at::bigint, :room_id::text, :epoch::bigint, :seq::bigint)
  AND NOT EXISTS (
      SELECT FROM messages AS later
      WHERE later.room_id = message.room_id AND later.kind IN ('e', 'x', 'a')
        AND later.kind IN ('e', 'x')
        AND later.data::jsonb #>> '{target,user}' = message.user_id
        AND later.data::jsonb #>> '{target,cid}' = message.cid
        AND (later.kind = 'x' OR found.kind = 'm'
             OR (later.epoch, later.seq) > (found.epoch, found.seq))
  )
ORDER BY message.at DESC, message.room_id DESC, message.epoch DESC, message.seq DESC
LIMIT :limit;

-- name: stems_of(terms)$
-- What the words of these terms have in common with their other forms.
SELECT tsvector_to_array(search_words(array_to_string(:terms::text[], ' ')));

-- name: limit_search(milliseconds)!
-- From here to the end of the transaction no query takes longer, and each is planned for its
-- own words: a plan for any words would not use their index.
SELECT set_config('statement_timeout', :milliseconds::text, true),
       set_config('plan_cache_mode', 'force_custom_plan', true);
