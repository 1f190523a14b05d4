-- name: forget_subscription(session_id, endpoint)!
-- A browser has one address: whoever had it before, or this device's last one.
DELETE FROM push_subscriptions WHERE session_id = :session_id OR endpoint = :endpoint;

-- name: subscribe(session_id, user_id, endpoint, public_key, auth)!
-- Push messages for this device from now on.
INSERT INTO push_subscriptions (session_id, user_id, endpoint, public_key, auth)
VALUES (:session_id, :user_id, :endpoint, :public_key, :auth);

-- name: unsubscribe(session_id)!
-- No push messages for this device any more.
DELETE FROM push_subscriptions WHERE session_id = :session_id;

-- name: remove_endpoints(endpoints)!
-- The push services say that these addresses are no more.
DELETE FROM push_subscriptions WHERE endpoint = ANY(:endpoints::text[]);

-- name: is_subscribed(session_id)$
-- Whether this device gets push messages.
SELECT EXISTS (SELECT FROM push_subscriptions WHERE session_id = :session_id);

-- name: set_room_level(user_id, room_id, level)!
-- Which messages of a room this person is told of.
INSERT INTO room_notices (user_id, room_id, level) VALUES (:user_id, :room_id, :level)
ON CONFLICT (user_id, room_id) DO UPDATE SET level = excluded.level;

-- name: room_levels(user_id)
-- The rooms for which this person chose something.
SELECT room_id, level FROM room_notices WHERE user_id = :user_id ORDER BY room_id;

-- name: quiet_times_of(user_id)^
-- When this person wants to hear nothing; no row for always ready.
SELECT paused_until, quiet_from, quiet_to, time_zone FROM quiet_times WHERE user_id = :user_id;

-- name: set_quiet_times(user_id, paused_until, quiet_from, quiet_to, time_zone)!
-- Change when this person wants to hear nothing.
INSERT INTO quiet_times (user_id, paused_until, quiet_from, quiet_to, time_zone)
VALUES (:user_id, :paused_until, :quiet_from, :quiet_to, :time_zone)
ON CONFLICT (user_id) DO UPDATE
SET paused_until = excluded.paused_until, quiet_from = excluded.quiet_from,
    quiet_to = excluded.quiet_to, time_zone = excluded.time_zone;

-- name: push_targets(room_ids, idle_ms, most)
-- Devices of the members of these rooms that may want a push message, and what they have read.
SELECT devices.session_id, devices.endpoint, devices.public_key, devices.auth,
       memberships.room_id, memberships.user_id, memberships.read_epoch, memberships.read_seq,
       users.name AS user_name, users.language, chatrooms.name AS room_name,
       coalesce(room_notices.level, 'mentions') AS level,
       coalesce(quiet_times.paused_until, 0) AS paused_until,
       quiet_times.quiet_from, quiet_times.quiet_to,
       coalesce(quiet_times.time_zone, 'UTC') AS time_zone
FROM push_subscriptions AS devices
JOIN sessions ON sessions.id = devices.session_id AND sessions.ended_at IS NULL
  AND sessions.expires_at > unix_ms()
  AND sessions.last_seen_at > unix_ms() - :idle_ms::bigint
JOIN users ON users.id = devices.user_id AND users.disabled_at IS NULL
JOIN memberships ON memberships.user_id = devices.user_id
  AND memberships.room_id = ANY(:room_ids::text[])
JOIN chatrooms ON chatrooms.id = memberships.room_id AND chatrooms.deleted_at IS NULL
LEFT JOIN room_notices ON room_notices.user_id = devices.user_id
  AND room_notices.room_id = memberships.room_id
LEFT JOIN quiet_times ON quiet_times.user_id = devices.user_id
WHERE coalesce(room_notices.level, 'mentions') <> 'nothing'
LIMIT :most;
