"""How far the drain of each partition is saved: tells a Redis that went back in time."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; an installation that has none of its rows trusts its Redis."""
    op.execute(
        """
        CREATE TABLE drained (
            partition integer PRIMARY KEY,
            ms bigint NOT NULL,
            seq bigint NOT NULL,
            epoch bigint NOT NULL
        )
        """
    )
    op.execute("COMMENT ON COLUMN drained.ms IS 'with seq: id of the newest record that is saved'")
