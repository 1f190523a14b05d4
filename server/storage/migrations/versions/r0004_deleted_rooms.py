"""Finds deleted rooms by the moment of their deletion: the writer looks at the newest often."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Index deleted rooms alone."""
    op.execute(
        """
        CREATE INDEX chatrooms_deleted ON chatrooms (deleted_at DESC, id DESC)
        WHERE deleted_at IS NOT NULL
        """
    )
