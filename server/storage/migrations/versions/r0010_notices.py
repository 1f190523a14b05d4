"""Who is told of messages while away: devices, levels of rooms, quiet times."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    """
    CREATE TABLE push_subscriptions (
        session_id text PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
        user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
        endpoint text NOT NULL UNIQUE,
        public_key text NOT NULL,
        auth text NOT NULL,
        created_at bigint NOT NULL DEFAULT unix_ms()
    )
    """,
    "COMMENT ON TABLE push_subscriptions IS 'one per device, and so per session'",
    "CREATE INDEX push_subscriptions_of_user ON push_subscriptions (user_id)",
    """
    CREATE TABLE room_notices (
        user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
        room_id text NOT NULL REFERENCES chatrooms ON DELETE CASCADE,
        level text NOT NULL,
        PRIMARY KEY (user_id, room_id)
    )
    """,
    "COMMENT ON TABLE room_notices IS 'a room that is not here tells of mentions'",
    """
    CREATE TABLE quiet_times (
        user_id text PRIMARY KEY REFERENCES users ON DELETE CASCADE,
        paused_until bigint NOT NULL DEFAULT 0,
        quiet_from smallint,
        quiet_to smallint,
        time_zone text NOT NULL DEFAULT 'UTC'
    )
    """,
    "COMMENT ON COLUMN quiet_times.quiet_from IS 'minute of the day in time_zone'",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
