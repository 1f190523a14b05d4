-- name: create_user(id, email, name, password_hash, language, is_admin)^
-- A new account; a unique violation when the e-mail is taken.
INSERT INTO users (id, email, name, password_hash, language, is_admin)
VALUES (:id, :email, :name, :password_hash, :language, :is_admin)
RETURNING *;

-- name: user_by_email(email)^
-- The account of an e-mail in lower case.
SELECT * FROM users WHERE email = :email;

-- name: user_by_id(id)^
-- The account of an id.
SELECT * FROM users WHERE id = :id;

-- name: rename_user(id, name)!
-- Another name to show; what was said keeps the old one.
UPDATE users SET name = :name WHERE id = :id;

-- name: set_user_language(id, language)!
-- The language of the pages, or '' for the browser's.
UPDATE users SET language = :language WHERE id = :id;

-- name: set_user_password(id, password_hash)!
-- Another password.
UPDATE users SET password_hash = :password_hash WHERE id = :id;
