"""Tokens for programs, users that are no people, and webhooks in both directions.

A token is a session with scopes: it ends, and is looked up, like any other. Old processes
read no more of these tables than before.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    "ALTER TABLE sessions ADD COLUMN name text NOT NULL DEFAULT ''",
    "ALTER TABLE sessions ADD COLUMN scopes text",
    "COMMENT ON COLUMN sessions.scopes IS 'of a token, separated by spaces; null for a log-in'",
    "ALTER TABLE users ADD COLUMN kind text NOT NULL DEFAULT 'person'",
    "COMMENT ON COLUMN users.kind IS 'person, or bot: it cannot log in'",
    """
    CREATE TABLE incoming_hooks (
        id text PRIMARY KEY,
        room_id text NOT NULL,
        name text NOT NULL,
        secret_hash text NOT NULL,
        bot_id text NOT NULL REFERENCES users,
        created_by text NOT NULL,
        created_at bigint NOT NULL DEFAULT unix_ms(),
        used_at bigint,
        ended_at bigint
    )
    """,
    "CREATE INDEX incoming_hooks_of_room ON incoming_hooks (room_id) WHERE ended_at IS NULL",
    """
    CREATE TABLE outgoing_hooks (
        id text PRIMARY KEY,
        room_id text NOT NULL,
        name text NOT NULL,
        url text NOT NULL,
        secret text NOT NULL,
        created_by text NOT NULL,
        created_at bigint NOT NULL DEFAULT unix_ms(),
        epoch bigint NOT NULL,
        seq bigint NOT NULL,
        delivered_at bigint,
        failures integer NOT NULL DEFAULT 0,
        failing_since bigint,
        last_error text NOT NULL DEFAULT '',
        next_at bigint NOT NULL DEFAULT 0,
        lease text,
        leased_until bigint NOT NULL DEFAULT 0,
        dead_at bigint,
        ended_at bigint
    )
    """,
    "COMMENT ON COLUMN outgoing_hooks.seq IS 'with epoch: everything up to there was delivered'",
    """
    CREATE INDEX outgoing_hooks_due ON outgoing_hooks (next_at)
    WHERE dead_at IS NULL AND ended_at IS NULL
    """,
    "CREATE INDEX outgoing_hooks_of_room ON outgoing_hooks (room_id) WHERE ended_at IS NULL",
)


def upgrade() -> None:
    """Add what is missing; adding a column with a constant default rewrites no table."""
    for statement in STATEMENTS:
        op.execute(statement)
