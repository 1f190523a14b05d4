"""Rooms that a person wants to find at the top of the list."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

STATEMENTS = (
    """
    CREATE TABLE favourites (
        user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
        room_id text NOT NULL REFERENCES chatrooms ON DELETE CASCADE,
        PRIMARY KEY (user_id, room_id)
    )
    """,
    "COMMENT ON TABLE favourites IS 'outlives a membership: who comes back finds the star'",
)


def upgrade() -> None:
    """Make the table."""
    for statement in STATEMENTS:
        op.execute(statement)
