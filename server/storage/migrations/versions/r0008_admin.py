"""The audit log, which only ever grows, and accounts that were deleted."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    """
    CREATE TABLE audit (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at bigint NOT NULL DEFAULT unix_ms(),
        actor_id text NOT NULL,
        actor_name text NOT NULL,
        action text NOT NULL,
        target_id text NOT NULL,
        target_name text NOT NULL,
        details text NOT NULL DEFAULT '{}',
        address text NOT NULL
    )
    """,
    "COMMENT ON COLUMN audit.actor_id IS 'empty for the command line'",
    "COMMENT ON COLUMN audit.details IS 'a JSON object, never with a secret'",
    "CREATE INDEX audit_of_actor ON audit (actor_id, id)",
    "CREATE INDEX audit_of_target ON audit (target_id, id)",
    """
    CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the audit log only grows'; END $$
    """,
    """
    CREATE TRIGGER audit_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit()
    """,
    "ALTER TABLE users ADD COLUMN deleted_at bigint",
    "ALTER TABLE users ADD COLUMN departing text NOT NULL DEFAULT ''",
    """
    COMMENT ON COLUMN users.departing IS
    'of a deleted account whose traces are not all dealt with: keep or erase its texts'
    """,
    "CREATE INDEX users_departing ON users (deleted_at) WHERE departing <> ''",
    # Everybody comes in before he speaks, or owns the room: so this finds a person's rooms.
    """
    CREATE INDEX messages_comings ON messages (user_id, room_id)
    WHERE kind IN ('j', 'l', 'd')
    """,
)


def upgrade() -> None:
    """Add them; processes of before do not look at any of it."""
    for statement in STATEMENTS:
        op.execute(statement)
