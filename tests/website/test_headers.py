from __future__ import annotations

from collections.abc import Callable

import pytest
from aiohttp import web

from server.runtime.settings import Settings
from server.website.middleware.headers import OF_FILES, content_policy
from tests.website.site import HTML, Answer, Site, open_site

MakeSettings = Callable[..., Settings]

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

HEAD_BYTES = 400


def check_headers(answer: Answer) -> None:
    for name, value in EXPECTED.items():
        assert answer.headers[name] == value
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["X-Request-ID"]
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_every_kind_of_answer_has_the_security_headers(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    accept = {"Accept": "application/json"}
    answers = {
        "page": await alice.get("/chatrooms/"),
        "room": await alice.get(f"/chatrooms/chat/{room}"),
        "redirect": await site.visitor().get("/"),
        "JSON": await alice.get("/api/v1/me"),
        "icon": await site.visitor().get("/favicon.ico"),
        "robots": await site.visitor().get("/robots.txt"),
        "document": await site.visitor().get("/api/v1/openapi.json"),
        "no such page": await alice.get("/nowhere"),
        "no such file": await alice.get("/static/nowhere.js"),
        "no such API": await alice.get("/api/v1/nowhere"),
        "not logged in": await site.visitor().get("/api/v1/me"),
        "bad token": await site.visitor().get("/api/v1/me", headers={"Authorization": "Bearer x"}),
        "wrong method": await alice.ask("PUT", "/chatrooms/"),
        "foreign": await site.visitor().post("/login/", {}, headers={"Origin": "null"} | accept),
        "too large": await site.visitor().post("/login/", {"email": "x" * 70_000}),
        "HEAD": await alice.ask("HEAD", "/chatrooms/"),
        "OPTIONS": await alice.ask("OPTIONS", "/api/v1/me"),
    }
    for name, answer in answers.items():
        check_headers(answer)
        policy = answer.headers["Content-Security-Policy"]
        assert "; script-src 'self'; style-src 'self'; " in policy, name
        public = name in {"icon", "robots", "document"}
        assert (answer.headers["Cache-Control"] != "no-store") is public, name


@pytest.mark.parametrize("path", ["img/logo.svg", "js/app.js", "css/base.css"])
async def test_a_file_is_what_it_says_for_this_site_only_and_runs_nothing_by_itself(
    site: Site, path: str
) -> None:
    visitor = site.visitor()
    file = await visitor.get(f"/static/{path}", headers={"Accept-Encoding": "gzip"})
    same = await visitor.get(f"/static/{path}", headers={"If-None-Match": "*"})
    assert (file.status, same.status) == (200, 304)
    for answer in (file, same):
        assert OF_FILES.items() <= dict(answer.headers).items()
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert "Set-Cookie" not in answer.headers
    # A page loads dozens of them: each header is sent as often.
    assert sum(len(name) + len(value) + 4 for name, value in file.headers.items()) < HEAD_BYTES


async def test_only_over_https_browsers_are_told_to_stay_there(make_settings: MakeSettings) -> None:
    async with open_site(make_settings(public_url="https://chat.example.org")) as site:
        for path in ("/login/", "/nowhere", "/static/img/logo.svg"):
            answer = await site.visitor().get(path)
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    async with open_site(make_settings()) as site:
        answer = await site.visitor().get("/login/")
        assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize(
    ("host", "secure", "sources"),
    [
        ("chat.example.org", True, "'self' wss://chat.example.org"),
        ("127.0.0.1:8080", False, "'self' ws://127.0.0.1:8080 wss://127.0.0.1:8080"),
        ("[::1]:8080", False, "'self' ws://[::1]:8080 wss://[::1]:8080"),
        ("x; script-src *", False, "'self'"),
        ("x y", True, "'self'"),
        ("", True, "'self'"),
    ],
)
def test_the_policy_names_the_socket_of_this_host_only(
    host: str, secure: bool, sources: str
) -> None:
    policy = content_policy(host, secure=secure)
    assert f"; connect-src {sources}; " in policy
    assert "*" not in policy


async def test_a_failure_shows_an_id_and_nothing_else(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alice = await site.browser("alice")

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a secret inside")

    monkeypatch.setattr(type(site.deps.users), "by_id", fail)
    page = await alice.get("/profile/")
    answer = await alice.get("/api/v1/me")
    assert (page.status, answer.status) == (500, 500)
    assert answer.code == "internal"
    for shown in (page, answer):
        assert shown.headers["X-Request-ID"] in shown.text
        assert "secret" not in shown.text
        assert "Traceback" not in shown.text
        check_headers(shown)
    assert "a secret inside" in caplog.text


async def test_a_page_whose_template_is_broken_is_still_answered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> web.Response:
        from jinja2 import TemplateError

        raise TemplateError("broken")

    monkeypatch.setattr("server.website.middleware.errors.render", fail)
    answer = await site.visitor(browser=True).get("/nowhere")
    assert answer.status == 404
    assert answer.text.startswith("404 ")
    check_headers(answer)


async def test_only_a_trusted_proxy_names_the_request(make_settings: MakeSettings) -> None:
    given = {"X-Request-ID": "from-the-outside"}
    async with open_site(make_settings()) as site:
        assert (await site.visitor().get("/login/", headers=given)).headers[
            "X-Request-ID"
        ] != given["X-Request-ID"]
    async with open_site(make_settings(trusted_proxies=1)) as site:
        assert (await site.visitor().get("/login/", headers=given)).headers[
            "X-Request-ID"
        ] == given["X-Request-ID"]
        strange = {"X-Request-ID": "a b"}
        assert (await site.visitor().get("/login/", headers=strange)).headers[
            "X-Request-ID"
        ] != "a b"


async def test_error_pages_escape_what_was_asked(site: Site) -> None:
    answer = await site.visitor().get(
        "/chatrooms/?search=%3Cscript%3Ealert(1)%3C/script%3E", headers={"Accept": HTML}
    )
    assert "<script>alert" not in answer.location
    alice = await site.browser("alice")
    page = await alice.get("/chatrooms/?search=%3Cscript%3Ealert(1)%3C/script%3E")
    assert page.status == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
