"""Files that messages carry, and how much space all of them take."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = (
    """
    CREATE TABLE files (
        id text PRIMARY KEY,
        room_id text NOT NULL,
        user_id text NOT NULL,
        name text NOT NULL,
        type text NOT NULL,
        bytes bigint NOT NULL,
        stored bigint NOT NULL,
        width integer,
        height integer,
        created_at bigint NOT NULL DEFAULT unix_ms(),
        cid text,
        deleted_at bigint
    )
    """,
    "COMMENT ON COLUMN files.stored IS 'bytes in the store: with the thumbnail'",
    "COMMENT ON COLUMN files.cid IS 'the message that carries it, by its author and cid'",
    "COMMENT ON COLUMN files.deleted_at IS 'nobody gets it any more; its bytes go soon'",
    "CREATE INDEX files_of_user ON files (user_id, id) INCLUDE (stored)",
    "CREATE INDEX files_of_message ON files (room_id, user_id, cid)",
    "CREATE INDEX files_unused ON files (created_at) WHERE cid IS NULL",
    "CREATE INDEX files_deleted ON files (deleted_at) WHERE deleted_at IS NOT NULL",
    "CREATE TABLE file_space (stored bigint NOT NULL)",
    "COMMENT ON TABLE file_space IS 'one row: the sum of files.stored; whoever adds one locks it'",
    "INSERT INTO file_space VALUES (0)",
)


def upgrade() -> None:
    """Make the tables; processes of before write messages without files."""
    for statement in STATEMENTS:
        op.execute(statement)
