"""The key by which push services know this server (RFC 8292, "VAPID")."""

from __future__ import annotations

import base64
import time
from typing import Final
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_BYTES: Final = 32
AUTH_BYTES: Final = 16
TOKEN_S: Final = 12 * 3600
"""A push service takes tokens of up to 24 hours (RFC 8292, section 2)."""
RENEW_S: Final = 3600
ORIGINS: Final = 1000
"""Push services are a handful; addresses come from clients, who may invent names."""


class Vapid:
    """Signs what is sent to push services.

    Args:
        private_key: 32 bytes as base64url, a number below the order of the curve P-256.
        subject: ``mailto:`` or ``https:`` address of who runs this server, or nothing.

    Raises:
        ValueError: it is no such key.
    """

    def __init__(self, private_key: str, subject: str) -> None:
        raw = unpadded(private_key)
        if len(raw) != KEY_BYTES:
            raise ValueError("VAPID_PRIVATE_KEY must be 32 bytes as base64url")
        self._key = ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1())
        self._subject = subject
        self._tokens: dict[str, tuple[float, str]] = {}
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
        """What a browser is given when it subscribes."""

    def authorization(self, endpoint: str) -> str:
        """Return the value of the header for one push service; signed twice a day only."""
        parts = urlsplit(endpoint)
        origin = f"{parts.scheme}://{parts.netloc}"
        now = time.time()
        until, token = self._tokens.get(origin, (0.0, ""))
        if until - RENEW_S < now:
            until = now + TOKEN_S
            claims: dict[str, str | int] = {"aud": origin, "exp": int(until)}
            if self._subject:
                claims["sub"] = self._subject
            token = jwt.encode(claims, self._key, algorithm="ES256")
            if len(self._tokens) >= ORIGINS:
                self._tokens.clear()
            self._tokens[origin] = until, token
        return f"vapid t={token}, k={self.public_key}"


def unpadded(text: str) -> bytes:
    """Decode base64url without its padding.

    Raises:
        ValueError: it is something else.
    """
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def point_of(public_key: str) -> ec.EllipticCurvePublicKey:
    """Read the public key of a browser.

    Raises:
        ValueError: it is no point of the curve.
    """
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unpadded(public_key))


def check_keys(public_key: str, auth: str) -> None:
    """See whether the keys of a browser can be used (RFC 8291, section 3.2).

    Raises:
        ValueError: they cannot.
    """
    if len(unpadded(auth)) != AUTH_BYTES:
        raise ValueError("auth must be 16 bytes as base64url")
    point_of(public_key)
