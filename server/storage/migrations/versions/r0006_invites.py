"""Rooms have a description or belong to a pair of people, and people may be invited."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    "ALTER TABLE chatrooms ADD COLUMN description text NOT NULL DEFAULT ''",
    "ALTER TABLE chatrooms ADD COLUMN pair text[]",
    "COMMENT ON COLUMN chatrooms.pair IS 'the two people of a room of direct messages'",
    """
    CREATE TABLE invites (
        id text PRIMARY KEY,
        room_id text NOT NULL REFERENCES chatrooms,
        token_hash text NOT NULL UNIQUE,
        made_by text NOT NULL,
        made_by_name text NOT NULL,
        created_at bigint NOT NULL DEFAULT unix_ms(),
        expires_at bigint,
        uses_max integer,
        uses integer NOT NULL DEFAULT 0,
        revoked_at bigint
    )
    """,
    "COMMENT ON COLUMN invites.token_hash IS 'the link itself is shown once and kept nowhere'",
    "CREATE INDEX invites_of_room ON invites (room_id, created_at DESC)",
)


def upgrade() -> None:
    """Add the columns and the table; processes of before know neither and need neither."""
    for statement in STATEMENTS:
        op.execute(statement)
