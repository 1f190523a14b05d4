-- name: add_favourite(user_id, room_id)!
-- A person wants to find this room at the top.
INSERT INTO favourites (user_id, room_id) VALUES (:user_id, :room_id) ON CONFLICT DO NOTHING;

-- name: remove_favourite(user_id, room_id)!
-- This room stands among the others again.
DELETE FROM favourites WHERE user_id = :user_id AND room_id = :room_id;

-- name: forget_favourites(user_id)!
-- Which rooms somebody liked goes with the account.
DELETE FROM favourites WHERE user_id = :user_id;
