"""A push service on this machine: takes messages, and reads them as the browser would."""

from __future__ import annotations

import asyncio
import base64
import secrets
from typing import Any, NamedTuple, Self

import jwt
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.auth.vapid import unpadded
from server.storage.notices import Device


def padless(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


class Browser:
    """The keys of one subscription, and what they open (RFC 8291, section 3)."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = secrets.token_bytes(16)
        self._point = self._key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )

    @property
    def subscription(self) -> dict[str, str]:
        return {
            "endpoint": self.endpoint,
            "p256dh": padless(self._point),
            "auth": padless(self._auth),
        }

    def device(self, session_id: str) -> Device:
        return Device(session_id, self.endpoint, padless(self._point), padless(self._auth))

    def open(self, body: bytes) -> Any:
        salt, length = body[:16], body[20]
        server_point, sealed = body[21 : 21 + length], body[21 + length :]
        server_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), server_point)
        info = b"WebPush: info\0" + self._point + server_point
        secret = derive(self._key.exchange(ec.ECDH(), server_key), self._auth, info, 32)
        key = derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = derive(secret, salt, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, sealed, None)
        assert plain.endswith(b"\x02")
        return orjson.loads(plain[:-1])


class Taken(NamedTuple):
    """One message that came in."""

    browser: Browser
    said: Any
    headers: Any


class PushService:
    """Takes messages for its browsers; ``answers`` are the statuses of the next ones."""

    def __init__(self) -> None:
        self.browsers: dict[str, Browser] = {}
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.calls = 0
        self.taken: asyncio.Queue[Taken] = asyncio.Queue()
        app = web.Application()
        app.router.add_post("/send/{name}", self._take)
        self._server = TestServer(app)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._server.close()

    def browser(self, name: str) -> Browser:
        self.browsers[name] = Browser(str(self._server.make_url(f"/send/{name}")))
        return self.browsers[name]

    async def next(self, seconds: float = 20) -> Taken:
        return await asyncio.wait_for(self.taken.get(), seconds)

    async def _take(self, request: web.Request) -> web.Response:
        self.calls += 1
        status = self.answers.pop(0) if self.answers else 201
        if status == 201:
            browser = self.browsers[request.match_info["name"]]
            check_token(request.headers["Authorization"], str(request.url.origin()))
            body = await request.read()
            self.taken.put_nowait(Taken(browser, browser.open(body), request.headers.copy()))
        return web.Response(status=status, headers=self.headers)


def check_token(header: str, origin: str) -> None:
    """See that the token was signed by the key that comes with it (RFC 8292, section 3)."""
    scheme, _, rest = header.partition(" ")
    assert scheme == "vapid"
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    point = unpadded(fields["k"])
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    claims = jwt.decode(fields["t"], key, algorithms=["ES256"], audience=origin)
    assert claims["sub"].startswith("mailto:")
