"""Changing requests: every route of the router, whoever adds it."""

from __future__ import annotations

import re
from io import BytesIO

import pytest

from server.auth import csrf
from server.auth.origin import SAFE_METHODS
from server.website.middleware.protect import OPEN
from tests.website.site import HTML, Site, Visitor

SESSION_ROUTES = 88
"""Changing routes that need a session; a new one is counted here once it is covered."""


def changing_routes(site: Site) -> list[tuple[str, str]]:
    found = []
    for route in site.app.router.routes():
        assert route.resource is not None
        if route.method not in SAFE_METHODS:
            found.append((route.method, route.resource.canonical))
    return found


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "abcdefghijklmnop", path)


def plain(visitor: Visitor) -> dict[str, str]:
    """The headers of a request that no page of ours made: the cookie alone."""
    return {"Cookie": f"session={visitor.cookie('session')}"}


async def test_the_table_covers_routes_at_all(site: Site) -> None:
    routes = changing_routes(site)
    assert {path for _, path in routes} >= OPEN
    assert len([path for _, path in routes if path not in OPEN]) == SESSION_ROUTES
    assert {method for method, _ in routes} == {"POST", "PUT", "PATCH", "DELETE"}


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_every_changing_route_refuses_another_site(
    site: Site, foreign: dict[str, str]
) -> None:
    alice = await site.browser("alice")
    bearer = await site.script("alice", new=False)
    for method, path in changing_routes(site):
        for headers in ({}, plain(alice), bearer.headers):
            token = {"X-CSRF-Token": alice.csrf}
            answer = await site.visitor().send(
                method, filled(path), {}, headers=headers | foreign | token
            )
            assert (
                answer.status,
                answer.code if "json" in answer.headers["Content-Type"] else "",
            ) in {
                (403, "foreign_origin"),
                (403, ""),
            }, (method, path, answer.status, answer.text[:200])


async def test_every_route_with_a_session_refuses_a_browser_without_the_form_token(
    site: Site,
) -> None:
    alice, mallory = await site.browser("alice"), await site.browser("mallory")
    old = csrf.issue(b"another key of the right length..", "x")
    accept = {"Accept": "application/json"}
    for method, path in changing_routes(site):
        if path in OPEN:
            continue
        for browser in (
            {"Origin": site.base},
            {"Sec-Fetch-Site": "same-origin"},
            {"Referer": site.base + "/chatrooms/"},
        ):
            for token in (
                {},
                {"X-CSRF-Token": ""},
                {"X-CSRF-Token": old},
                {"X-CSRF-Token": mallory.csrf},
            ):
                answer = await site.visitor().send(
                    method, filled(path), {}, headers=plain(alice) | browser | token | accept
                )
                assert (answer.status, answer.code) == (403, "csrf"), (method, path)


async def test_every_route_with_a_session_refuses_nobody_in_particular(site: Site) -> None:
    for method, path in changing_routes(site):
        if path in OPEN or path in {"/language", "/logout/"}:
            continue
        answer = await site.visitor().send(
            method, filled(path), {}, headers={"Accept": "application/json"}
        )
        # Of the pages for administrators nobody learns that they exist.
        refused = (404, "not_found") if path.startswith("/admin/") else (401, "unauthorized")
        assert (answer.status, answer.code) == refused, (method, path)


async def test_a_form_of_our_own_page_passes_by_field_or_by_header(site: Site) -> None:
    alice = await site.browser("alice")
    by_field = await alice.post("/profile/name", {"name": "Alice B."})
    assert (by_field.status, by_field.location) == (303, "/profile/?changed=name")
    headers = {"X-CSRF-Token": alice.csrf, "Accept": "application/json"}
    by_header = await alice.send("PATCH", "/api/v1/me", {"name": "Alice C."}, headers=headers)
    assert by_header.json["name"] == "Alice C."


async def test_the_form_token_of_a_session_that_ended_is_worth_nothing(site: Site) -> None:
    alice = await site.browser("alice")
    old = alice.csrf
    await alice.post("/logout/")
    alice = await site.browser("alice", new=False)
    alice.csrf = old
    assert (await alice.post("/profile/name", {"name": "Alice B."})).status == 403


async def test_a_script_with_a_cookie_needs_no_form_token(site: Site) -> None:
    alice = await site.browser("alice")
    script = site.visitor(headers=plain(alice))
    answer = await script.post("/chatrooms/create", {"name": "kitchen"})
    assert answer.status == 200
    assert answer.json["name"] == "kitchen"


async def test_the_page_of_a_form_that_is_too_old_says_what_to_do(site: Site) -> None:
    alice = await site.browser("alice")
    alice.csrf = "old"
    page = await alice.post("/profile/name", {"name": "Alice B."})
    assert page.status == 403
    assert "Reload the page" in page.text


async def test_no_get_route_changes_the_account_or_the_rooms(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    before = (await alice.get("/api/v1/me")).json
    for route in site.app.router.routes():
        assert route.resource is not None
        if route.method == "GET":
            await alice.get(route.resource.canonical.replace("{room_id}", room))
    assert (await alice.get("/api/v1/me")).json == before
    rooms = (await alice.get("/api/v1/rooms")).json["rooms"]
    assert [each["id"] for each in rooms] == [room]
    assert len((await alice.get("/api/v1/sessions")).json["sessions"]) == 1


@pytest.mark.parametrize(
    ("path", "method"),
    [("/chatrooms/", "POST"), ("/token", "GET"), ("/api/v1/me", "POST"), ("/login/", "PUT")],
)
async def test_a_wrong_method_is_405_and_says_which_are_right(
    site: Site, path: str, method: str
) -> None:
    answer = await site.visitor().ask(method, path, headers={"Accept": "application/json"})
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("path", "data", "headers"),
    [
        (
            "/register/",
            b"email=" + b"a" * 70_000,
            {"Content-Type": "application/x-www-form-urlencoded"},
        ),
        (
            "/api/v1/register",
            b'{"email":"' + b"a" * 70_000 + b'"}',
            {"Content-Type": "application/json"},
        ),
        ("/token", b"x" * 2_000_000, {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
)
async def test_a_body_over_the_limit_is_413_with_and_without_its_length(
    site: Site, path: str, data: bytes, headers: dict[str, str]
) -> None:
    accept = {"Accept": "application/json"}
    answer = await site.visitor().ask("POST", path, data=BytesIO(data), headers=headers | accept)
    assert (answer.status, answer.code) == (413, "too_large")

    async def chunks() -> object:
        for start in range(0, len(data), 10_000):
            yield data[start : start + 10_000]

    answer = await site.visitor().ask("POST", path, data=chunks(), headers=headers | accept)
    assert (answer.status, answer.code) == (413, "too_large")


BAD_BODIES: dict[str, tuple[bytes, str, int]] = {
    "broken JSON": (b"{", "application/json", 400),
    "a list": (b"[]", "application/json", 400),
    "a number": (b"1", "application/json", 400),
    "nothing": (b"", "application/json", 400),
    "not UTF-8": (b'{"name":"\xff"}', "application/json", 400),
    "lone surrogate": (b'{"name":"\\ud800"}', "application/json", 400),
    "deep": (b'{"name":' + b"[" * 5000 + b"]" * 5000 + b"}", "application/json", 400),
    "name a number": (b'{"name":1}', "application/json", 400),
    "name null": (b'{"name":null}', "application/json", 400),
    "text instead of JSON": (b'{"name":"x"}', "text/plain", 400),
    "no type": (b'{"name":"x"}', "", 400),
    "unknown charset": (b"name=x", "application/x-www-form-urlencoded; charset=nope", 400),
    "not UTF-8 form": (b"name=\xff\xfe", "application/x-www-form-urlencoded", 400),
    "twice": (b"name=a&name=b", "application/x-www-form-urlencoded", 400),
    "multipart without boundary": (b"x", "multipart/form-data", 400),
    "broken multipart": (b"--b\r\nx", "multipart/form-data; boundary=b", 400),
    "a file": (
        b'--b\r\nContent-Disposition: form-data; name="name"; filename="x"\r\n\r\nhi\r\n--b--\r\n',
        "multipart/form-data; boundary=b",
        400,
    ),
}


@pytest.mark.parametrize("case", BAD_BODIES)
async def test_a_body_that_makes_no_sense_is_refused_and_never_a_failure(
    site: Site, case: str
) -> None:
    data, kind, status = BAD_BODIES[case]
    alice = await site.script("alice")
    answer = await alice.ask("POST", "/chatrooms/create", data=data, headers={"Content-Type": kind})
    assert (answer.status, answer.code in {"bad_request", "bad_json"}) == (status, True), (
        answer.text
    )


async def test_multipart_forms_are_read_too(site: Site) -> None:
    alice = await site.script("alice")
    body = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nkitchen\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await alice.ask("POST", "/chatrooms/create", data=body, headers=headers)
    assert answer.json["name"] == "kitchen"


@pytest.mark.parametrize(
    "next_path",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "evil.example",
        "/" + "x" * 3000,
    ],
)
async def test_after_the_log_in_nobody_is_sent_to_another_site(site: Site, next_path: str) -> None:
    await site.open_account("alice")
    visitor = site.visitor(browser=True)
    page = await visitor.get("/login/", params={"next": next_path})
    assert 'name="next" value="/chatrooms/"' in page.text
    form = {"email": "alice@example.org", "password": "teapot-9-harbour", "next": next_path}
    assert (await visitor.post("/login/", form)).location == "/chatrooms/"
    moved = await visitor.get("/login/", params={"next": next_path})
    assert moved.location == "/chatrooms/"
    language = await visitor.post("/language", {"language": "ru", "next": next_path})
    assert language.location in {"/chatrooms/", ""}


async def test_who_is_not_logged_in_is_sent_to_the_log_in_and_back(site: Site) -> None:
    visitor = site.visitor(browser=True)
    for path in ("/chatrooms/", "/profile/", "/chatrooms/chat/abc?before=1-2"):
        answer = await visitor.get(path)
        assert answer.status == 303
        assert answer.location.startswith("/login/?next=/")
        page = await visitor.get(answer.location)
        assert f'name="next" value="{path}"' in page.text
    assert (await site.visitor().get("/chatrooms/")).status == 303
    for path in ("/api/v1/me", "/api/v1/rooms"):
        for headers in ({}, {"Accept": HTML}):
            answer = await site.visitor().get(path, headers=headers)
            assert (answer.status, answer.code) == (401, "unauthorized")
            assert "Bearer" in answer.headers["WWW-Authenticate"]
