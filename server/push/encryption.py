"""Encrypts a push message for one browser (RFC 8291 over RFC 8188, "aes128gcm").

The push service carries it and cannot read it.
"""

from __future__ import annotations

import os
import struct
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.auth.vapid import point_of, unpadded

POINT_BYTES: Final = 65
RECORD_BYTES: Final = 4096
PLAIN_BYTES: Final = 3000
"""Push services take bodies of 4096 bytes and more (RFC 8030, section 7.2)."""
_LAST: Final = b"\x02"


def encrypt(
    plain: bytes,
    public_key: str,
    auth: str,
    *,
    salt: bytes | None = None,
    own: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Return the body for a browser's keys; ``salt`` and ``own`` are made anew each time.

    Raises:
        ValueError: the keys cannot be used, or the message is longer than ``PLAIN_BYTES``.
    """
    if len(plain) > PLAIN_BYTES:
        raise ValueError("the message is too long for a push service")
    salt = salt or os.urandom(16)
    own = own or ec.generate_private_key(ec.SECP256R1())
    own_point = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = own.exchange(ec.ECDH(), point_of(public_key))
    info = b"WebPush: info\0" + unpadded(public_key) + own_point
    secret = _derive(shared, unpadded(auth), info, 32)
    key = _derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0", 12)
    sealed = AESGCM(key).encrypt(nonce, plain + _LAST, None)
    return salt + struct.pack("!IB", RECORD_BYTES, POINT_BYTES) + own_point + sealed


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)
