"""Two readers that disagree about where a request ends let a stranger put words in another's mouth.

Each request of the corpus is refused by nginx, and nothing of it reaches the application.
"""

from __future__ import annotations

import pytest

from tests.nginx.conftest import Site

pytestmark = pytest.mark.nginx

HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(HIDDEN)
CHUNKED = b"0\r\n\r\n" + HIDDEN
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def post(*headers: bytes, body: bytes = CHUNKED) -> bytes:
    lines = (b"POST /token HTTP/1.1", b"Host: x", *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


CORPUS = {
    "length and chunked": post(b"Content-Length: 4", b"Transfer-Encoding: chunked"),
    "chunked and length": post(b"Transfer-Encoding: chunked", b"Content-Length: 4"),
    "two lengths": post(b"Content-Length: 0", b"Content-Length: 40", body=HIDDEN),
    "two equal lengths": post(b"Content-Length: 5", b"Content-Length: 5"),
    "a list of lengths": post(b"Content-Length: 5, 5"),
    "a signed length": post(b"Content-Length: +5"),
    "a negative length": post(b"Content-Length: -5"),
    "a length in hex": post(b"Content-Length: 0x5"),
    "a length beyond numbers": post(b"Content-Length: 99999999999999999999"),
    "chunked twice": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "chunked, then identity": post(b"Transfer-Encoding: chunked, identity"),
    "identity": post(b"Transfer-Encoding: identity", b"Content-Length: 5"),
    "almost chunked": post(b"Transfer-Encoding: xchunked", b"Content-Length: 5"),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"', b"Content-Length: 5"),
    "chunked with a vertical tab": post(b"Transfer-Encoding: \x0bchunked", b"Content-Length: 5"),
    "a space before the colon": post(b"Transfer-Encoding : chunked", b"Content-Length: 5"),
    "a tab before the colon": post(b"Transfer-Encoding\t: chunked", b"Content-Length: 5"),
    "a folded header": post(b"X-Words: a", b" Transfer-Encoding: chunked", b"Content-Length: 5"),
    "a zero byte": post(b"X-Words: a\x00b", b"Content-Length: 5"),
    "a chunk that is no number": post(b"Transfer-Encoding: chunked", body=b"zz\r\n\r\n" + HIDDEN),
    "a chunk beyond numbers": post(
        b"Transfer-Encoding: chunked", body=b"fffffffffffffffff\r\n" + HIDDEN
    ),
    "two hosts": b"GET / HTTP/1.1\r\nHost: chat.example\r\nHost: evil.example\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nX-Words: a\r\n\r\n",
    "a host with a path": b"GET / HTTP/1.1\r\nHost: x/../y\r\n\r\n",
    "a space in the host": b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
    "an upgrade with a body": UPGRADE + LENGTH + HIDDEN,
    "an upgrade with chunks": UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "a socket's path with a body": b"GET /ws HTTP/1.1\r\nHost: x\r\n" + LENGTH + HIDDEN,
    "a version of the future": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n" + HIDDEN,
    "a space in the path": b"GET /a b HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n",
    "a line feed in the middle": b"GET /\n HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n",
}
NOT_IMPLEMENTED = {
    "chunked, then identity",
    "identity",
    "almost chunked",
    "chunked in quotes",
    "chunked with a vertical tab",
}
"""An unknown coding is 501 (RFC 9112, section 6.1), refused all the same."""


@pytest.mark.parametrize("what", CORPUS)
async def test_a_request_that_can_be_read_in_two_ways_is_refused(site: Site, what: str) -> None:
    answer = await site.front.raw(CORPUS[what])
    first, _, rest = answer.partition(b"\r\n")
    status = int(first.split()[1]) if first.startswith(b"HTTP/") else 400
    if what == "a version of the future":
        assert status == 505
    else:
        assert status == (501 if what in NOT_IMPLEMENTED else 400), first
    assert b"HTTP/1.1" not in rest, "the connection was not closed behind the refusal"
    assert site.reached == 0
