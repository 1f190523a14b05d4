"""Which Redis may still have its records saved: not one that was replaced without knowing it."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; the first Redis that takes a partition over raises it."""
    op.execute("ALTER TABLE drained ADD COLUMN reign bigint NOT NULL DEFAULT 0")
    op.execute(
        "COMMENT ON COLUMN drained.reign IS 'records of a Redis in an older epoch are refused'"
    )
