"""Rows of an administrator's lists, as programs see them."""

from __future__ import annotations

from typing import Any

from server.storage.administration import RoomRow, UserRow
from server.website.deps import WebsiteDeps


def user_fields(deps: WebsiteDeps, row: UserRow) -> dict[str, Any]:
    """Describe an account; ``is_admin`` counts the setting ``ADMIN_EMAILS`` too."""
    account = row.account
    return {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "is_admin": account.is_admin or deps.identities.is_admin(account.email),
        "disabled": account.disabled,
        "deleted": row.deleted,
        "created_at": account.created_at,
        "sessions": row.sessions,
        "seen_at": row.seen_at,
    }


def room_fields(row: RoomRow) -> dict[str, Any]:
    """Describe a room."""
    return {
        "id": row.room.id,
        "name": row.room.name,
        "visibility": row.room.visibility.value,
        "deleted": row.room.deleted,
        "owner": {"id": row.owner.id, "name": row.owner.name, "email": row.owner_email},
        "members": row.members,
        "messages": row.messages,
        "created_at": row.room.created_at,
        "active_at": row.active_at,
    }
