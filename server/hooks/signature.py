"""What a delivery is made of: a body, and headers by which the receiver can trust it."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from urllib.parse import quote

import orjson

from server.domain.events import decode
from server.domain.records import Row, rebuild
from server.storage.outgoing_hooks import OutgoingHook

AGENT: Final = "Beseda-Webhook/1"


def body_of(hook: OutgoingHook, row: Row, site: str) -> bytes:
    """Return the JSON of a message as it went live, with the name of its room.

    Each of its files has besides the ``url`` at ``site``, where readers of the room get it.
    """
    message = decode(rebuild(row))
    for file in message.get("files", ()):
        file["url"] = f"{site}/files/{file['id']}/{quote(file['name'], safe='')}"
    return orjson.dumps(
        {
            "id": delivery_id(hook, row),
            "event": "message",
            "room": {"id": hook.room_id, "name": hook.room_name},
            "message": message,
        }
    )


def delivery_id(hook: OutgoingHook, row: Row) -> str:
    """Return a name of the delivery: the same for every attempt, also after Redis lost things."""
    named = f"{hook.id}\n{row.user_id}\n{row.cid}".encode()
    return hashlib.sha256(named).hexdigest()[:32]


def headers_of(hook: OutgoingHook, row: Row, body: bytes, now_s: int) -> dict[str, str]:
    """Return the headers of one attempt."""
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "X-Beseda-Delivery": delivery_id(hook, row),
        "X-Beseda-Timestamp": str(now_s),
        "X-Beseda-Signature": sign(hook.secret, now_s, body),
    }


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return ``sha256=`` and the HMAC of ``<timestamp>.<body>`` in hex (RFC 2104)."""
    message = str(timestamp).encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
