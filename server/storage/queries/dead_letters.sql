-- name: set_aside(partition, record_id, payload, error)!
-- Keep a record that can never be saved, once, with the reason.
INSERT INTO dead_letters (partition, record_id, payload, error)
SELECT :partition::integer, :record_id::text, :payload::bytea, :error::text
WHERE NOT EXISTS (
    SELECT FROM dead_letters
    WHERE partition = :partition AND record_id = :record_id AND payload = :payload
);

-- name: newest_dead_letters(limit)
-- The newest set-aside records.
SELECT id, partition, record_id, payload, error, at FROM dead_letters ORDER BY id DESC LIMIT :limit;
