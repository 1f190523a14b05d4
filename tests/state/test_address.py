"""Every form of ``REDIS_URL``, and what is none."""

from __future__ import annotations

import pytest
from redis.asyncio.connection import SSLConnection

from server.state.address import parse_address


@pytest.mark.parametrize(
    ("url", "servers", "master"),
    [
        ("redis://localhost", [("localhost", 6379)], ""),
        ("redis://10.0.0.1:7000/2", [("10.0.0.1", 7000)], ""),
        (
            "redis://:a%2Cb%40c@one:7000,two,[::1]:7002",
            [("one", 7000), ("two", 6379), ("::1", 7002)],
            "",
        ),
        ("rediss://[fd00::1]/0", [("fd00::1", 6379)], ""),
        ("redis+sentinel://s1,s2:5000/chat", [("s1", 26379), ("s2", 5000)], "chat"),
        ("rediss+sentinel://alice:x@s1/chat/3", [("s1", 26379)], "chat"),
        ("unix:///run/redis.sock?db=1", [], ""),
    ],
)
def test_an_address_names_servers_and_perhaps_a_master(
    url: str, servers: list[tuple[str, int]], master: str
) -> None:
    address = parse_address(url)
    assert list(address.servers) == servers
    assert address.master == master


def test_credentials_database_and_tls_come_from_the_address() -> None:
    options = parse_address("rediss+sentinel://alice:a%2Fb@s1/chat/3?ssl_cert_reqs=none").options
    assert options["username"] == "alice"
    assert options["password"] == "a/b"
    assert options["db"] == 3
    assert options["connection_class"] is SSLConnection
    assert options["ssl_cert_reqs"] == "none"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://:hidden@host",
        "redis://:hidden@host:port",
        "redis+sentinel://:hidden@host:1",
    ],
)
def test_what_is_no_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="REDIS_URL") as refused:
        parse_address(url)
    assert "hidden" not in str(refused.value)


def test_a_parsed_address_does_not_show_its_password() -> None:
    assert "hidden" not in repr(parse_address("redis://:hidden@host"))
