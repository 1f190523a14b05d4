from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable

import jwt
import pytest

from server.auth.identity import hash_secret
from server.runtime.settings import Settings
from server.website.accounts import LoggedIn
from tests.website.site import PASSWORD, Site, open_site

MakeSettings = Callable[..., Settings]


async def test_somebody_registers_logs_in_and_sees_the_rooms(site: Site) -> None:
    alice = site.visitor(browser=True)
    assert (await alice.get("/")).location == "/login/"
    assert (await alice.get("/register/")).status == 200
    form = {"email": " Alice@Example.org ", "password": PASSWORD, "name": "Alice"}
    answer = await alice.post("/register/", form)
    assert (answer.status, answer.location) == (303, "/login/?registered=1")
    assert (await alice.get(answer.location)).status == 200
    form = {"email": "alice@example.org", "password": PASSWORD, "next": "/profile/"}
    answer = await alice.post("/login/", form)
    assert (answer.status, answer.location) == (303, "/profile/")
    assert "Alice" in (await alice.get("/chatrooms/")).text
    assert (await alice.get("/")).location == "/chatrooms/"
    assert (await alice.get("/login/?next=/profile/")).location == "/profile/"


BAD_REGISTRATIONS = {
    "no at sign": ({"email": "alice.example.org"}, 400, "invalid_email"),
    "empty e-mail": ({"email": ""}, 400, "invalid_email"),
    "line break in the e-mail": (
        {"email": "a@example.org\nBcc: b@example.org"},
        400,
        "invalid_email",
    ),
    "long e-mail": ({"email": "a" * 300 + "@example.org"}, 400, "invalid_email"),
    "password of one character": ({"password": "x"}, 400, "password_too_short"),
    "empty password": ({"password": ""}, 400, "password_too_short"),
    "long password": ({"password": "x1" * 65}, 400, "password_too_long"),
    "common password": ({"password": "Password123"}, 400, "password_common"),
    "password is the e-mail": ({"password": "alice@example.org"}, 400, "password_common"),
    "name of 300 characters": ({"name": "x" * 300}, 400, "name_too_long"),
    "name with a direction override": ({"name": "al\u202eice"}, 400, "invalid_name"),
    "unknown field": ({"is_admin": "true"}, 400, "bad_request"),
    "role field": ({"role": "owner"}, 400, "bad_request"),
}


@pytest.mark.parametrize("case", BAD_REGISTRATIONS)
async def test_a_bad_registration_is_refused_with_its_reason(site: Site, case: str) -> None:
    change, status, code = BAD_REGISTRATIONS[case]
    form = {"email": "alice@example.org", "password": PASSWORD, "name": "Alice"} | change
    program = site.visitor(headers={"Accept": "application/json"})
    answer = await program.post("/register/", form)
    assert (answer.status, answer.code) == (status, code)
    page = await site.visitor(browser=True).post("/register/", form)
    assert page.status == status
    assert "text/html" in page.headers["Content-Type"]
    assert PASSWORD not in page.text


@pytest.mark.parametrize("missing", ["email", "password"])
async def test_a_registration_with_a_field_missing_is_refused(site: Site, missing: str) -> None:
    form = {"email": "alice@example.org", "password": PASSWORD}
    del form[missing]
    answer = await site.visitor().post("/register/", form)
    assert answer.status == 400


async def test_a_taken_e_mail_is_refused_in_any_case_also_at_the_same_moment(site: Site) -> None:
    program = site.visitor(headers={"Accept": "application/json"})
    form = {"email": "alice@example.org", "password": PASSWORD}
    answers = await asyncio.gather(*(program.post("/register/", form) for _ in range(5)))
    assert sorted(each.status for each in answers) == [303, 409, 409, 409, 409]
    again = await program.post("/register/", form | {"email": "ALICE@example.ORG"})
    assert (again.status, again.code) == (409, "email_taken")
    page = await site.visitor(browser=True).post("/register/", form)
    assert page.status == 409
    assert "There is an account with this e-mail already." in page.text
    assert 'value="alice@example.org"' in page.text


async def test_a_password_of_73_bytes_and_more_works_to_its_last_byte(site: Site) -> None:
    program = site.visitor()
    for length in (73, 100, 128):
        email = f"a{length}@example.org"
        password = "p-" * (length // 2) + "z" * (length % 2)
        assert (
            await program.post("/register/", {"email": email, "password": password})
        ).status == 303
        good = await program.post("/token", {"username": email, "password": password})
        assert good.status == 200
        other = password[:-1] + "!"
        assert (await program.post("/token", {"username": email, "password": other})).status == 401


async def test_a_name_of_spaces_is_the_same_as_none(site: Site) -> None:
    program = site.visitor()
    form = {"email": "carol@example.org", "password": PASSWORD, "name": "   "}
    assert (await program.post("/register/", form)).status == 303
    carol = await site.script("carol", new=False)
    assert (await carol.get("/api/v1/me")).json["name"] == "carol"


async def test_the_token_answer_is_the_seeds_and_brings_the_cookie(site: Site) -> None:
    await site.open_account("alice")
    form = {"username": "alice@example.org", "password": PASSWORD}
    answer = await site.visitor().post("/token", form)
    assert answer.json["token_type"] == "bearer"
    claims = jwt.decode(
        answer.json["access_token"], site.settings.secret, algorithms=["HS256"], audience="beseda"
    )
    assert claims["exp"] - claims["iat"] == 30 * 60
    cookie = answer.headers["Set-Cookie"]
    secret = cookie.partition("=")[2].partition(";")[0]
    assert claims["sid"] == hash_secret(secret)
    assert secret not in answer.text
    by_cookie = site.visitor(headers={"Cookie": f"session={secret}"})
    assert (await by_cookie.get("/api/v1/me")).json["name"] == "Alice"


@pytest.mark.parametrize(
    ("public_url", "expected"),
    [
        ("", {"session", "HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax"}),
        (
            "https://chat.example.org",
            {"__Host-session", "HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax", "Secure"},
        ),
    ],
)
async def test_the_cookie_has_exactly_its_flags(
    make_settings: MakeSettings, public_url: str, expected: set[str]
) -> None:
    async with open_site(make_settings(public_url=public_url)) as site:
        await site.open_account("alice")
        visitor = site.visitor()
        for path, who in (("/token", "username"), ("/login/", "email")):
            answer = await visitor.post(path, {who: "alice@example.org", "password": PASSWORD})
            name_and_value, *flags = answer.headers["Set-Cookie"].split("; ")
            assert {name_and_value.partition("=")[0], *flags} == expected


async def test_wrong_password_unknown_person_and_nonsense_look_the_same(site: Site) -> None:
    await site.open_account("alice")
    program = site.visitor()
    answers = [
        await program.post("/token", {"username": who, "password": password})
        for who, password in (
            ("alice@example.org", "wrong-password"),
            ("alice@example.org", ""),
            ("alice@example.org", "x" * 60_000),
            ("nobody@example.org", PASSWORD),
            ("not an e-mail", PASSWORD),
            ("a\0b@example.org", PASSWORD),
            ("", ""),
        )
    ]
    assert {each.status for each in answers} == {401}
    assert len({each.body for each in answers}) == 1
    assert answers[0].code == "wrong_credentials"
    assert not any("Set-Cookie" in each.headers for each in answers)


async def test_an_unknown_person_takes_as_long_as_a_wrong_password(
    make_settings: MakeSettings,
) -> None:
    settings = make_settings(bcrypt_cost=9, login_attempts=1000, login_attempts_ip=1000)
    async with open_site(settings) as site:
        await site.open_account("alice")
        program = site.visitor()

        async def took(name: str) -> float:
            form = {"username": f"{name}@example.org", "password": "wrong-password"}
            began = time.perf_counter()
            await program.post("/token", form)
            return time.perf_counter() - began

        # In turns: a machine that is busy for a while is busy for both.
        ratios = [await took("bob") / await took("alice") for _ in range(15)]
    assert 0.6 < statistics.median(ratios) < 1.7


async def test_a_failed_log_in_page_keeps_the_e_mail_and_never_the_password(site: Site) -> None:
    visitor = site.visitor(browser=True)
    form = {"email": "<b>alice@example.org", "password": "my-secret-word", "next": "//evil.example"}
    page = await visitor.post("/login/", form)
    assert page.status == 401
    assert "&lt;b&gt;alice@example.org" in page.text
    assert "my-secret-word" not in page.text
    assert "evil.example" not in page.text


async def test_guessing_is_throttled_per_account_and_a_success_forgives(
    make_settings: MakeSettings,
) -> None:
    async with open_site(make_settings(login_attempts=3)) as site:
        await site.open_account("alice")
        await site.open_account("bob")
        program = site.visitor()
        wrong = {"username": "alice@example.org", "password": "wrong-password"}
        right = wrong | {"password": PASSWORD}
        for _ in range(3):
            for _ in range(2):
                assert (await program.post("/token", wrong)).status == 401
            assert (await program.post("/token", right)).status == 200
        answers = [await program.post("/token", wrong) for _ in range(4)]
        assert [each.status for each in answers] == [401, 401, 401, 429]
        assert answers[-1].code == "throttled"
        assert 0 < int(answers[-1].headers["Retry-After"]) <= site.settings.login_window_s
        assert (await program.post("/token", right)).status == 429
        bob = {"username": "bob@example.org", "password": PASSWORD}
        assert (await program.post("/token", bob)).status == 200


async def test_guessing_is_throttled_per_address_whatever_the_client_says_of_itself(
    make_settings: MakeSettings,
) -> None:
    async with open_site(make_settings(login_attempts_ip=3)) as site:
        statuses = []
        for number in range(5):
            program = site.visitor(headers={"X-Forwarded-For": f"10.9.8.{number}"})
            form = {"username": f"a{number}@example.org", "password": PASSWORD}
            statuses.append((await program.post("/token", form)).status)
        assert statuses == [401, 401, 401, 429, 429]


async def test_behind_a_proxy_its_last_hop_is_the_address(make_settings: MakeSettings) -> None:
    async with open_site(make_settings(login_attempts_ip=2, trusted_proxies=1)) as site:

        async def attempt(forwarded: str) -> int:
            program = site.visitor(headers={"X-Forwarded-For": forwarded})
            form = {"username": "a@example.org", "password": PASSWORD}
            return (await program.post("/token", form)).status

        statuses = [await attempt(f"10.0.0.{number}, 192.0.2.1") for number in range(3)]
        assert statuses == [401, 401, 429]
        assert await attempt("192.0.2.1, 192.0.2.2") == 401


async def test_registrations_are_throttled_per_address(make_settings: MakeSettings) -> None:
    async with open_site(make_settings(registrations_ip=2)) as site:
        program = site.visitor()
        statuses = [
            (
                await program.post(
                    "/register/", {"email": f"a{n}@example.org", "password": PASSWORD}
                )
            ).status
            for n in range(3)
        ]
        assert statuses == [303, 303, 429]


async def test_a_log_in_makes_the_hash_as_costly_as_new_ones(make_settings: MakeSettings) -> None:
    async with open_site(make_settings()) as site:
        await site.open_account("alice")
    async with open_site(site.settings.model_copy(update={"bcrypt_cost": 5})) as site:
        await site.script("alice", new=False)
        account = await site.deps.users.by_email("alice@example.org")
        assert account is not None
        assert account.password_hash.startswith("$2b$05$")
        await site.script("alice", new=False)


async def test_every_log_in_begins_a_session_of_its_own(site: Site) -> None:
    await site.open_account("alice")
    visitor = site.visitor(browser=True)
    form = {"email": "alice@example.org", "password": PASSWORD}
    secrets = set()
    for _ in range(3):
        await visitor.post("/login/", form, headers={"Cookie": "session=" + "x" * 43})
        secrets.add(visitor.cookie("session"))
    assert len(secrets) == 3
    assert "x" * 43 not in secrets


def test_a_log_in_does_not_show_its_secrets() -> None:
    shown = repr(LoggedIn(None, "s1", "the-secret", "the-token"))  # type: ignore[arg-type]
    assert "the-secret" not in shown
    assert "the-token" not in shown
