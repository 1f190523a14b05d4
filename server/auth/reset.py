"""Links by which somebody who lost a password sets another one.

A link is ``<user id>.<end>.Reset1-<mac>``. Nothing of it is stored: the mac covers the hash of the
password of now, so a link is over as soon as that password is another one, by whatever way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import NamedTuple

LIFE_MS = 24 * 3600 * 1000
"""How long a link works: it is handed over by people, who may be asleep."""

_TOKEN = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9]{13})\.(Reset1-[A-Za-z0-9_-]{43})", re.ASCII)
# With "Reset1-" in front of it every mac looks like a secret to the log.


class Claim(NamedTuple):
    """What a link says, before anybody knows that it is true. The end is Unix milliseconds."""

    user_id: str
    ends_at: int
    mac: str


def issue(secret: bytes, user_id: str, password_hash: str, now: int) -> tuple[str, int]:
    """Return a token for the account whose password has this hash, and when it ends (Unix ms)."""
    ends_at = now + LIFE_MS
    return f"{user_id}.{ends_at}.{_mac(secret, user_id, ends_at, password_hash)}", ends_at


def read(token: str) -> Claim | None:
    """Take a token apart; ``None`` for what is none."""
    found = _TOKEN.fullmatch(token)
    return None if found is None else Claim(found[1], int(found[2]), found[3])


def is_valid(secret: bytes, claim: Claim, password_hash: str, now: int) -> bool:
    """Tell whether the account's password may be set with it now."""
    mac = _mac(secret, claim.user_id, claim.ends_at, password_hash)
    return now < claim.ends_at and hmac.compare_digest(mac, claim.mac)


def _mac(secret: bytes, user_id: str, ends_at: int, password_hash: str) -> str:
    message = f"beseda-reset-v1:{user_id}:{ends_at}:{password_hash}".encode()
    digest = hmac.new(secret, message, hashlib.sha256).digest()
    return "Reset1-" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
