-- name: create_api_token(id, token_hash, user_id, name, scopes, expires_at, limit)$
-- A token of a person who has fewer than so many; its id, or nothing. Not used yet.
INSERT INTO sessions (id, token_hash, user_id, name, scopes, expires_at, last_seen_at)
SELECT :id, :token_hash, :user_id, :name, :scopes, :expires_at::bigint, 0
WHERE (SELECT count(*) FROM sessions
       WHERE user_id = :user_id AND scopes IS NOT NULL AND ended_at IS NULL
         AND expires_at > unix_ms()) < :limit::bigint
RETURNING id;

-- name: api_tokens_of_user(user_id)
-- The tokens that still let this person's programs in, the newest first.
SELECT id, token_hash, name, scopes, created_at, last_seen_at, expires_at
FROM sessions
WHERE user_id = :user_id AND scopes IS NOT NULL AND ended_at IS NULL AND expires_at > unix_ms()
ORDER BY created_at DESC, id;

-- name: end_api_token(id, user_id)$
-- End a token of this person; its hash, or nothing when there was none.
UPDATE sessions SET ended_at = unix_ms()
WHERE id = :id AND user_id = :user_id AND scopes IS NOT NULL AND ended_at IS NULL
RETURNING token_hash;
