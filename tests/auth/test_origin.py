from __future__ import annotations

import pytest
from multidict import CIMultiDict

from server.auth.origin import is_browser, is_own_origin, may_change, may_upgrade

PUBLIC = "https://chat.example.org"


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://chat.example.org", "chat.example.org"),
        ("https://chat.example.org", "10.0.0.7:8080"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://localhost", "localhost"),
        ("http://localhost", "localhost:80"),
        ("https://other.example", "other.example:443"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_the_public_address_and_the_asked_host_are_ours(origin: str, host: str) -> None:
    assert is_own_origin(origin, host, PUBLIC)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://evil.example",
        "https://chat.example.org.evil.example",
        "https://evilchat.example.org",
        "https://chat.example.org:8443",
        "http://chat.example.org:443",
        "https://chat.example.org:80",
        "https://chat.example.org@evil.example",
        "https://evil@chat.example.org",
        "https://chat.example.org/",
        "https://chat.example.org/path",
        " https://chat.example.org",
        "https://chat.example.org ",
        "https://chat.example.org, https://evil.example",
        "file://chat.example.org",
        "javascript:alert(1)",
        "chat.example.org",
        "//chat.example.org",
        "https://chat.example.org:99999",
        "https://chat.example.org:x",
        "https://[chat.example.org",
        "https://chat.example.org#x",
        "https://chat.example.org?x",
        "https://chat。example.org",
    ],
)
def test_every_other_origin_is_foreign(origin: str) -> None:
    assert not is_own_origin(origin, "chat.example.org", PUBLIC)
    assert not may_change({"Origin": origin}, "chat.example.org", PUBLIC)
    assert not may_upgrade({"Origin": origin}, "chat.example.org", PUBLIC, cookie=True)
    assert not may_upgrade({"Origin": origin}, "chat.example.org", PUBLIC, cookie=False)


def test_a_missing_host_matches_nothing() -> None:
    assert not is_own_origin("http://", "", "")
    assert not is_own_origin("https://", "", "")


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "unheard-of"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://chat.example.org"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"origin": "https://evil.example"}, False),
    ],
)
def test_a_changing_request_must_come_from_us_or_from_no_browser(
    headers: dict[str, str], allowed: bool
) -> None:
    assert may_change(CIMultiDict(headers), "chat.example.org", "") is allowed


def test_a_socket_by_cookie_needs_an_origin_and_one_by_token_does_not() -> None:
    assert not may_upgrade({}, "chat.example.org", PUBLIC, cookie=True)
    assert may_upgrade({}, "chat.example.org", PUBLIC, cookie=False)
    own = {"Origin": PUBLIC}
    assert may_upgrade(own, "chat.example.org", PUBLIC, cookie=True)
    assert may_upgrade(own, "chat.example.org", PUBLIC, cookie=False)


def test_browsers_are_known_by_what_only_they_send() -> None:
    assert not is_browser({"User-Agent": "curl/8", "Cookie": "session=x", "Accept": "*/*"})
    assert is_browser({"Origin": "null"})
    assert is_browser({"Sec-Fetch-Mode": "cors"})
    assert is_browser({"Referer": "https://chat.example.org/"})
