-- name: create_session(id, token_hash, user_id, user_agent, ip, expires_at)!
-- A log-in, known by the hash of its token.
INSERT INTO sessions (id, token_hash, user_id, user_agent, ip, expires_at)
VALUES (:id, :token_hash, :user_id, :user_agent, :ip, :expires_at);

-- name: forget_sessions(user_id, keep_ms)!
-- Drop the sessions of a person that ended or expired long ago.
DELETE FROM sessions
WHERE user_id = :user_id AND least(expires_at, ended_at) < unix_ms() - :keep_ms::bigint;

-- name: session_by_hash(token_hash, idle_ms)^
-- A session that still lets somebody in, with the account.
SELECT users.*, sessions.id AS session_id, sessions.token_hash,
       sessions.created_at AS session_created_at, sessions.last_seen_at,
       sessions.expires_at, sessions.user_agent, sessions.ip, sessions.scopes
FROM sessions JOIN users ON users.id = sessions.user_id
WHERE sessions.token_hash = :token_hash AND sessions.ended_at IS NULL
  AND sessions.expires_at > unix_ms()
  AND (sessions.scopes IS NOT NULL OR sessions.last_seen_at > unix_ms() - :idle_ms::bigint)
  AND users.disabled_at IS NULL;

-- name: touch_session(id, step_ms)!
-- Note that a session is in use, but not at every request.
UPDATE sessions SET last_seen_at = unix_ms()
WHERE id = :id AND ended_at IS NULL AND last_seen_at < unix_ms() - :step_ms::bigint;

-- name: sessions_of_user(user_id, idle_ms)
-- The sessions that still let this person in, the one used last first.
SELECT id, token_hash, created_at, last_seen_at, expires_at, user_agent, ip
FROM sessions
WHERE user_id = :user_id AND scopes IS NULL AND ended_at IS NULL
  AND expires_at > unix_ms() AND last_seen_at > unix_ms() - :idle_ms::bigint
ORDER BY last_seen_at DESC, id;

-- name: end_session(id, user_id)$
-- End a session of this person; its token hash, or nothing when there was none.
UPDATE sessions SET ended_at = unix_ms()
WHERE id = :id AND user_id = :user_id AND scopes IS NULL AND ended_at IS NULL
RETURNING token_hash;

-- name: end_sessions(user_id, except_hash)
-- End all sessions of this person but one; their token hashes.
UPDATE sessions SET ended_at = unix_ms()
WHERE user_id = :user_id AND scopes IS NULL AND ended_at IS NULL
  AND token_hash <> :except_hash
RETURNING token_hash;
