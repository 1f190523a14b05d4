"""Accounts, rooms, memberships, history, sessions, and what could not be saved.

Times are Unix milliseconds. Memberships and messages refer to rooms and users without a
foreign key: the writer must be able to save what Redis accepted, whatever was deleted.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE FUNCTION unix_ms() RETURNS bigint LANGUAGE sql STABLE
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$
    """,
    """
    CREATE TABLE users (
        id text PRIMARY KEY,
        email text NOT NULL UNIQUE,
        name text NOT NULL,
        password_hash text NOT NULL,
        language text NOT NULL DEFAULT '',
        is_admin boolean NOT NULL DEFAULT false,
        disabled_at bigint,
        created_at bigint NOT NULL DEFAULT unix_ms()
    )
    """,
    "COMMENT ON COLUMN users.email IS 'in lower case'",
    """
    CREATE TABLE chatrooms (
        id text PRIMARY KEY,
        name text NOT NULL,
        search_name text NOT NULL,
        owner_id text NOT NULL,
        visibility text NOT NULL,
        created_at bigint NOT NULL DEFAULT unix_ms(),
        active_at bigint NOT NULL DEFAULT unix_ms(),
        deleted_at bigint,
        messages bigint NOT NULL DEFAULT 0,
        last_epoch bigint NOT NULL DEFAULT 0,
        last_seq bigint NOT NULL DEFAULT 0
    )
    """,
    "COMMENT ON COLUMN chatrooms.search_name IS 'the name, case-folded by Python'",
    "COMMENT ON COLUMN chatrooms.messages IS 'rows of messages of kind m, counted by the writer'",
    "COMMENT ON COLUMN chatrooms.last_seq IS 'with last_epoch: everything up to there is saved'",
    """
    CREATE INDEX chatrooms_recent ON chatrooms (active_at DESC, id)
    WHERE deleted_at IS NULL AND visibility = 'public'
    """,
    "CREATE INDEX chatrooms_of_owner ON chatrooms (owner_id) WHERE deleted_at IS NULL",
    """
    CREATE TABLE memberships (
        room_id text NOT NULL,
        user_id text NOT NULL,
        name text NOT NULL,
        role text NOT NULL,
        joined_at bigint NOT NULL DEFAULT unix_ms(),
        read_epoch bigint NOT NULL DEFAULT 0,
        read_seq bigint NOT NULL DEFAULT 0,
        read_messages bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (room_id, user_id)
    )
    """,
    "CREATE INDEX memberships_of_user ON memberships (user_id)",
    """
    CREATE TABLE messages (
        room_id text NOT NULL,
        epoch bigint NOT NULL,
        seq bigint NOT NULL,
        kind text NOT NULL,
        at bigint NOT NULL,
        user_id text NOT NULL,
        user_name text NOT NULL,
        cid text,
        text text,
        data text,
        PRIMARY KEY (room_id, epoch, seq)
    )
    """,
    "COMMENT ON TABLE messages IS 'every event that has a position: messages, joins, leaves'",
    # With the room in front one cid in two rooms is two messages: the second could
    # otherwise only be dropped, though its sender was told that it is saved.
    """
    CREATE UNIQUE INDEX messages_once ON messages (room_id, user_id, cid)
    WHERE cid IS NOT NULL
    """,
    """
    CREATE TABLE dead_letters (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        partition integer NOT NULL,
        record_id text NOT NULL,
        payload bytea NOT NULL,
        error text NOT NULL,
        at bigint NOT NULL DEFAULT unix_ms()
    )
    """,
    "CREATE INDEX dead_letters_of_record ON dead_letters (partition, record_id)",
    """
    CREATE TABLE writers (
        token text PRIMARY KEY,
        seen_at bigint NOT NULL
    )
    """,
    """
    CREATE TABLE sessions (
        id text PRIMARY KEY,
        token_hash text NOT NULL UNIQUE,
        user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
        created_at bigint NOT NULL DEFAULT unix_ms(),
        last_seen_at bigint NOT NULL DEFAULT unix_ms(),
        expires_at bigint NOT NULL,
        ended_at bigint,
        user_agent text NOT NULL DEFAULT '',
        ip text NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX sessions_of_user ON sessions (user_id, last_seen_at DESC)",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
