-- name: beat_writer(token)!
-- This writer lives.
INSERT INTO writers (token, seen_at) VALUES (:token, unix_ms())
ON CONFLICT (token) DO UPDATE SET seen_at = excluded.seen_at;

-- name: forget_writers(life_ms)!
-- Drop writers that were silent for too long.
DELETE FROM writers WHERE seen_at < unix_ms() - :life_ms::bigint;

-- name: count_writers()$
-- How many writers live.
SELECT count(*) FROM writers;

-- name: remove_writer(token)!
-- This writer stops.
DELETE FROM writers WHERE token = :token;
