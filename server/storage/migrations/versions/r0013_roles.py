"""Who was given which role in a room is found, to be renamed when an account goes."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add an index; there are few such events."""
    op.execute("CREATE INDEX messages_roles ON messages (room_id) WHERE kind = 'g'")
