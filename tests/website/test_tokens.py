from __future__ import annotations

import asyncio
import re

import pytest
import redis.asyncio as redis_asyncio

from server.auth.identity import hash_secret, new_secret
from server.domain.scopes import Scope
from server.state import keys
from server.website.middleware.protect import OPEN
from server.website.openapi import operations
from tests.website.site import Site, Visitor

PUBLIC = {"/favicon.ico", "/robots.txt", *OPEN}
EXPECTED = {
    "GET /api/v1/me": "read",
    "GET /api/v1/rooms": "read",
    "GET /api/v1/rooms/{room_id}": "read",
    "GET /api/v1/rooms/{room_id}/messages": "read",
    "GET /api/v1/rooms/{room_id}/people": "read",
    "POST /api/v1/rooms": "rooms",
    "DELETE /api/v1/rooms/{room_id}": "rooms",
    "POST /api/v1/rooms/{room_id}/messages": "write",
    "PUT /api/v1/rooms/{room_id}/read": "write",
    "PATCH /api/v1/rooms/{room_id}/messages/{position}": "write",
    "DELETE /api/v1/rooms/{room_id}/messages/{position}": "write",
    "PUT /api/v1/rooms/{room_id}/messages/{position}/reactions/{emoji}": "write",
    "DELETE /api/v1/rooms/{room_id}/messages/{position}/reactions/{emoji}": "write",
    "DELETE /api/v1/rooms/{room_id}/membership": "write",
    "PATCH /api/v1/rooms/{room_id}": "rooms",
    "POST /api/v1/direct/{user_id}": "write",
    "GET /api/v1/rooms/{room_id}/members": "read",
    "PUT /api/v1/rooms/{room_id}/members/{user_id}": "rooms",
    "DELETE /api/v1/rooms/{room_id}/members/{user_id}": "rooms",
    "PUT /api/v1/rooms/{room_id}/bans/{user_id}": "rooms",
    "DELETE /api/v1/rooms/{room_id}/bans/{user_id}": "rooms",
    "GET /api/v1/rooms/{room_id}/invites": "rooms",
    "POST /api/v1/rooms/{room_id}/invites": "rooms",
    "DELETE /api/v1/rooms/{room_id}/invites/{invite_id}": "rooms",
    "GET /api/v1/invites/{token}": "read",
    "POST /api/v1/invites/{token}": "write",
    "GET /api/v1/search": "read",
    "GET /api/v1/notices": "read",
    "PATCH /api/v1/notices": "write",
    "PUT /api/v1/rooms/{room_id}/notices": "write",
    "PUT /api/v1/rooms/{room_id}/favourite": "write",
    "DELETE /api/v1/rooms/{room_id}/favourite": "write",
    "PUT /api/v1/push": None,
    "DELETE /api/v1/push": None,
    "GET /api/v1/rooms/{room_id}/hooks/incoming": "rooms",
    "POST /api/v1/rooms/{room_id}/hooks/incoming": "rooms",
    "POST /api/v1/rooms/{room_id}/hooks/outgoing": "rooms",
    "DELETE /api/v1/admin/users/{user_id}": None,
    "PATCH /api/v1/me": None,
    "PUT /api/v1/me/password": None,
    "DELETE /api/v1/me": None,
    "GET /api/v1/sessions": None,
    "DELETE /api/v1/sessions/{session_id}": None,
    "GET /api/v1/tokens": None,
    "POST /api/v1/tokens": None,
    "DELETE /api/v1/tokens/{token_id}": None,
}


async def make(person: Visitor, site: Site, *scopes: str, **rest: object) -> tuple[str, Visitor]:
    """Make a token; give its id and a program that has it."""
    asked = {"name": "Build", "scopes": list(scopes), **rest}
    answer = await person.send("POST", "/api/v1/tokens", asked, headers=site.token(person))
    assert answer.status == 201, answer.text
    token = answer.json["token"]
    return answer.json["id"], site.visitor(headers={"Authorization": f"Bearer {token}"})


def filled(path: str, room: str) -> str:
    values = {"room_id": room, "position": "1-1", "emoji": "%F0%9F%91%8D"}
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], "neverexisted0000"), path)


async def test_every_route_asks_a_token_for_its_scope(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    programs = {scope: (await make(alice, site, scope.value))[1] for scope in Scope}
    for (path, method), described in operations(site.app.router).items():
        for scope, program in programs.items():
            if described.open:
                continue
            # Without a body nothing is made or ended: the answer is some other refusal.
            answer = await program.ask(method.upper(), filled(path, "neverexisted0000"))
            refused = answer.status == 403 and answer.code == "insufficient_scope"
            assert refused == (scope is not described.scope), (method, path, scope)
    assert (await alice.get(f"/api/v1/rooms/{room}")).status == 200


async def test_the_scope_of_each_route_is_the_one_that_was_meant(site: Site) -> None:
    found = {
        f"{method.upper()} {path}": None if each.scope is None else each.scope.value
        for (path, method), each in operations(site.app.router).items()
        if not each.open
    }
    assert {route: found[route] for route in EXPECTED} == EXPECTED


async def test_every_operation_names_a_scope_or_why_it_is_for_people_only(site: Site) -> None:
    for (path, method), each in operations(site.app.router).items():
        chosen = [each.open, each.scope is not None, each.people_only != ""]
        assert chosen.count(True) == 1, f"{method.upper()} {path}"
    document = (await site.visitor().get("/api/v1/openapi.json")).json
    said = document["paths"]["/api/v1/tokens"]["post"]["description"]
    assert said.startswith("Not for personal tokens: ")


async def test_a_token_opens_no_page_and_no_other_address(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    _, program = await make(alice, site, "read", "write", "rooms")
    for route in site.app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        if path.startswith(("/api/", "/static/", "/files/")) or path in PUBLIC:
            continue
        answer = await program.ask(route.method, filled(path, room))
        assert answer.status in {403, 303}, (route.method, path, answer.status)
        if answer.status == 303:
            assert answer.location.startswith("/login/"), path
    assert (await alice.get(f"/api/v1/rooms/{room}")).status == 200


async def test_a_token_does_what_it_is_for_and_is_never_an_administrator(site: Site) -> None:
    alice = await site.script("alice")
    me = (await alice.get("/api/v1/me")).json["id"]
    async with site.deps.pool.connection() as connection:
        await connection.execute("UPDATE users SET is_admin = true WHERE id = $1", me)
    _, program = await make(alice, site, "read", "write", "rooms")
    assert (await program.get("/api/v1/me")).json["id"] == me
    room = (await program.send("POST", "/api/v1/rooms", {"name": "kitchen"})).json["id"]
    said = {"cid": "c1", "text": "hi"}
    assert (await program.send("POST", f"/api/v1/rooms/{room}/messages", said)).status == 200
    bob = await site.script("bob")
    his = await site.room(bob, "cellar")
    assert (await program.send("DELETE", f"/api/v1/rooms/{his}")).status == 403
    assert (await program.send("DELETE", f"/api/v1/rooms/{room}")).status == 200


async def test_a_token_is_shown_once_and_stored_as_a_hash(site: Site) -> None:
    alice = await site.script("alice")
    token_id, program = await make(alice, site, "read", expires_days=1)
    secret = program.headers["Authorization"].removeprefix("Bearer ")
    assert secret.startswith("beseda_")
    (listed,) = (await alice.get("/api/v1/tokens")).json["tokens"]
    assert (listed["id"], listed["name"], listed["scopes"]) == (token_id, "Build", ["read"])
    assert listed["used_at"] is None
    assert listed["expires_at"] > listed["created_at"]
    assert (await program.get("/api/v1/me")).status == 200
    (listed,) = (await alice.get("/api/v1/tokens")).json["tokens"]
    assert listed["used_at"] >= listed["created_at"]
    async with site.deps.pool.connection() as connection:
        rows = await connection.fetch("SELECT to_jsonb(sessions)::text FROM sessions")
    assert rows
    assert not [row for row in rows if secret in row[0]]
    assert len((await alice.get("/api/v1/sessions")).json["sessions"]) == 1


async def test_a_revoked_token_is_dead_at_once_and_its_end_is_announced(site: Site) -> None:
    alice = await site.script("alice")
    token_id, program = await make(alice, site, "read")
    assert (await program.get("/api/v1/me")).status == 200
    listener = redis_asyncio.Redis.from_url(site.settings.redis_url.get_secret_value())
    async with listener, listener.pubsub() as channel:
        await channel.execute_command("SSUBSCRIBE", keys.CONTROL)
        await channel.parse_response()
        answer = await alice.send("DELETE", f"/api/v1/tokens/{token_id}")
        assert answer.json == {"id": token_id, "deleted": True}
        async with asyncio.timeout(30):
            heard = (await channel.parse_response())[2]
    assert heard == f"session {token_id}".encode()
    refused = await program.get("/api/v1/me")
    assert (refused.status, refused.code) == (401, "unauthorized")
    assert (await alice.send("DELETE", f"/api/v1/tokens/{token_id}")).status == 404


async def test_an_expired_token_lets_nobody_in(site: Site) -> None:
    alice = await site.script("alice")
    _, program = await make(alice, site, "read", expires_days=1)
    async with site.deps.pool.connection() as connection:
        await connection.execute("UPDATE sessions SET expires_at = 1 WHERE scopes IS NOT NULL")
    assert (await program.get("/api/v1/me")).status == 401


async def test_nobody_revokes_the_token_of_another(site: Site) -> None:
    alice, mallory = await site.script("alice"), await site.script("mallory")
    token_id, program = await make(alice, site, "read")
    assert (await mallory.send("DELETE", f"/api/v1/tokens/{token_id}")).status == 404
    assert (await mallory.post(f"/profile/tokens/{token_id}/revoke")).status == 404
    assert (await alice.send("DELETE", f"/api/v1/sessions/{token_id}")).status == 404
    assert (await program.get("/api/v1/me")).status == 200


async def test_a_token_is_no_cookie_and_a_cookie_no_token(site: Site) -> None:
    alice = await site.browser("alice")
    _, program = await make(alice, site, "read", "write", "rooms")
    token = program.headers["Authorization"].removeprefix("Bearer ")
    for secret in (token, token.removeprefix("beseda_")):
        thief = site.visitor(headers={"Cookie": f"session={secret}"})
        assert (await thief.get("/api/v1/me")).status == 401
    forged = {"Authorization": f"Bearer beseda_{alice.cookie('session')}"}
    assert (await site.visitor(headers=forged).get("/api/v1/me")).status == 401


async def test_a_token_under_the_hash_of_a_session_is_still_only_a_token(site: Site) -> None:
    alice = await site.script("alice")
    me = (await alice.get("/api/v1/me")).json["id"]
    secret = new_secret()
    await site.deps.api_tokens.create(me, hash_secret(secret), "Odd", [Scope.READ], None)
    issued = site.deps.tokens.issue(me, hash_secret(secret))
    for headers in ({"Cookie": f"session={secret}"}, {"Authorization": f"Bearer {issued}"}):
        assert (await site.visitor(headers=headers).get("/api/v1/me")).status == 401


async def test_logging_out_elsewhere_leaves_tokens(site: Site) -> None:
    alice = await site.browser("alice")
    _, program = await make(alice, site, "read")
    await alice.post("/profile/sessions/end-others")
    assert (await program.get("/api/v1/me")).status == 200


async def test_another_name_shows_at_once_to_programs_too(site: Site) -> None:
    alice = await site.browser("alice")
    _, program = await make(alice, site, "read", "write")
    room = await site.room(alice)
    said = {"cid": "c1", "text": "hi"}
    await program.send("POST", f"/api/v1/rooms/{room}/messages", said)
    await alice.post("/profile/name", {"name": "Алиса"})
    await program.send("POST", f"/api/v1/rooms/{room}/messages", said | {"cid": "c2"})
    events = (await program.get(f"/api/v1/rooms/{room}/messages")).json["events"]
    assert events[-1]["user"]["name"] == "Алиса"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Build", "scopes": []},
        {"name": "Build", "scopes": ["admin"]},
        {"name": " ", "scopes": ["read"]},
        {"name": "Build", "scopes": ["read"], "expires_days": 0},
    ],
)
async def test_a_wrong_wish_makes_no_token(site: Site, wrong: dict[str, object]) -> None:
    alice = await site.script("alice")
    assert (await alice.send("POST", "/api/v1/tokens", wrong)).status == 400
    assert (await alice.get("/api/v1/tokens")).json["tokens"] == []


async def test_a_person_has_a_bounded_number_of_tokens(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.storage.api_tokens.TOKENS_PER_USER", 1)
    alice = await site.script("alice")
    token_id, _ = await make(alice, site, "read")
    asked = {"name": "Build", "scopes": ["read"]}
    refused = await alice.send("POST", "/api/v1/tokens", asked)
    assert (refused.status, refused.code) == (400, "too_many_tokens")
    await alice.send("DELETE", f"/api/v1/tokens/{token_id}")
    assert (await alice.send("POST", "/api/v1/tokens", asked)).status == 201


async def test_the_page_makes_shows_and_revokes_a_token(site: Site) -> None:
    alice = await site.browser("alice")
    assert "/profile/tokens/" in (await alice.get("/profile/")).text
    await alice.get("/profile/tokens/")
    made = await alice.post("/profile/tokens/", {"name": "Build", "read": "on", "days": "30"})
    assert made.status == 201
    token = re.findall(r'value="(beseda_[^"]+)"', made.text)[0]
    program = site.visitor(headers={"Authorization": f"Bearer {token}"})
    assert (await program.get("/api/v1/rooms")).status == 200
    again = await alice.get("/profile/tokens/")
    assert token not in again.text
    assert "Build" in again.text
    action = re.findall(r'action="(/profile/tokens/\w+/revoke)"', again.text)[0]
    assert (await alice.post(action)).location == "/profile/tokens/?revoked"
    assert (await program.get("/api/v1/rooms")).status == 401
    none = await alice.post("/profile/tokens/", {"name": "Build"})
    assert none.status == 400
    assert "Choose at least one thing" in none.text
