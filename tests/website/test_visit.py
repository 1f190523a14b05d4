from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from server.website.visit import client_address, safe_next, wants_html


@pytest.mark.parametrize(
    "path", ["/chatrooms/", "/chatrooms/chat/a?before=1-2", "/profile/#x", "/"]
)
def test_a_path_of_this_site_is_a_good_place_to_go_next(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "path", [None, "", "//x", "/\\x", "\\/x", "/a\\b", "http://x", "/a\tb", "/a b", "x"]
)
def test_any_other_place_becomes_the_list_of_rooms(path: str | None) -> None:
    assert safe_next(path) == "/chatrooms/"


@pytest.mark.parametrize(
    ("path", "accept", "html"),
    [
        ("/chatrooms/", "text/html,*/*", True),
        ("/chatrooms/", "*/*", True),
        ("/chatrooms/", "", True),
        ("/chatrooms/", "application/json", False),
        ("/chatrooms/create", "*/*", False),
        ("/chatrooms/create", "text/html,*/*", True),
        ("/chatrooms/delete/x", "", False),
        ("/token", "*/*", False),
        ("/api/v1/me", "text/html", False),
    ],
)
def test_people_get_pages_and_programs_get_json(path: str, accept: str, html: bool) -> None:
    request = make_mocked_request("GET", path, headers={"Accept": accept})
    assert wants_html(request) is html


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ([], 0, "peer"),
        (["1.1.1.1"], 0, "peer"),
        (["1.1.1.1"], 1, "1.1.1.1"),
        (["9.9.9.9, 1.1.1.1"], 1, "1.1.1.1"),
        (["9.9.9.9", "1.1.1.1"], 1, "1.1.1.1"),
        (["9.9.9.9, 1.1.1.1, 10.0.0.1"], 2, "1.1.1.1"),
        (["1.1.1.1"], 2, "1.1.1.1"),
        (["2001:db8::1"], 1, "2001:db8::1"),
        (["nonsense"], 1, "peer"),
        ([""], 1, "peer"),
        ([], 1, "peer"),
    ],
)
def test_the_address_is_the_hop_that_our_proxy_wrote(
    forwarded: list[str], proxies: int, address: str
) -> None:
    request = make_mocked_request("GET", "/")
    headers = request.headers.copy()
    for value in forwarded:
        headers.add("X-Forwarded-For", value)
    request = request.clone(headers=headers, remote="192.0.2.7")
    assert client_address(request, proxies) == address.replace("peer", "192.0.2.7")
