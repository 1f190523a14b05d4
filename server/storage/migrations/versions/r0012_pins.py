"""Pins are changes of messages; mentions are looked for where an ``@`` stands.

Processes of before ask for fewer kinds of changes, which the new index has as well.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = (
    """
    CREATE INDEX messages_changes_pins ON messages (
        room_id, (data::jsonb #>> '{target,user}'), (data::jsonb #>> '{target,cid}'), kind
    )
    WHERE kind IN ('e', 'x', 'a', 'n')
    """,
    "DROP INDEX messages_changes",
    "ALTER INDEX messages_changes_pins RENAME TO messages_changes",
    "CREATE INDEX messages_pins ON messages (room_id) WHERE kind = 'n'",
    # Most messages mention nobody, and are not in it.
    """
    CREATE INDEX messages_mentions ON messages (room_id, epoch, seq)
    WHERE kind = 'm' AND text LIKE '%@%'
    """,
)


def upgrade() -> None:
    """Make the indexes."""
    for statement in STATEMENTS:
        op.execute(statement)
