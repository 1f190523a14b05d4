"""Edits, deletions and reactions are found by the message that they change.

They are rows of ``messages`` like every event. A message is known by its room, author and
cid, wherever it stands: that is what they name in their data.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index; rows of other kinds are not in it and pay nothing for it."""
    op.execute(
        """
        CREATE INDEX messages_changes ON messages (
            room_id, (data::jsonb #>> '{target,user}'), (data::jsonb #>> '{target,cid}'), kind
        )
        WHERE kind IN ('e', 'x', 'a')
        """
    )
