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

-- name: dead_letters_after(letter_id, limit)
-- Set-aside records in the order in which they came.
SELECT id, partition, record_id, payload, error, at FROM dead_letters
WHERE id > :letter_id ORDER BY id LIMIT :limit;

-- name: remove_dead_letter(letter_id)!
-- Forget a record that is saved by now.
DELETE FROM dead_letters WHERE id = :letter_id;
