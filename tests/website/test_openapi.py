from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from server.runtime.settings import Settings
from server.storage.audit import Actor
from server.website.api.operation import OPERATIONS
from server.website.openapi import PREFIX, operations
from tests.push.conftest import KEY
from tests.push.service import Browser
from tests.website.site import PASSWORD, Answer, Site


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(vapid_private_key=KEY)


def api_routes(site: Site) -> set[tuple[str, str]]:
    found = set()
    for route in site.app.router.routes():
        assert route.resource is not None
        if route.resource.canonical.startswith("/api/") and route.method != "HEAD":
            found.add((route.resource.canonical, route.method.lower()))
    return found


async def test_the_document_and_the_router_have_the_same_routes(site: Site) -> None:
    document = (await site.visitor().get("/api/v1/openapi.json")).json
    written = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert written == api_routes(site)
    assert all(path.startswith(PREFIX) for path, _ in written)
    assert len(OPERATIONS) == len(written)


async def test_a_route_without_a_description_is_noticed(site: Site) -> None:
    from aiohttp import web

    async def bare(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/api/v1/bare", bare)
    with pytest.raises(LookupError, match="/api/v1/bare"):
        operations(app.router)


async def test_the_document_is_sound(site: Site) -> None:
    document = (await site.visitor().get("/api/v1/openapi.json")).json
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    text = str(document)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in schemas
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(set(names)) == len(names)
    for path, methods in document["paths"].items():
        wanted = set(re.findall(r"\{(\w+)\}", path))
        for each in methods.values():
            given = {p["name"] for p in each.get("parameters", []) if p["in"] == "path"}
            assert given == wanted


def check(document: dict[str, Any], path: str, method: str, answer: Answer) -> None:
    """The answer is one that the document announces, and looks like it."""
    responses = document["paths"][path][method]["responses"]
    assert str(answer.status) in responses, (path, method, answer.status, answer.text)
    content = responses[str(answer.status)]["content"]
    lines = "application/x-ndjson" in content
    schema = content["application/x-ndjson" if lines else "application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    for body in answer.body.splitlines() if lines else [answer.body]:
        errors = list(Draft202012Validator(whole).iter_errors(orjson.loads(body)))
        assert errors == [], (path, method, errors)


async def test_real_answers_look_as_the_document_says(site: Site) -> None:
    program = site.visitor()
    document = (await program.get("/api/v1/openapi.json")).json
    seen: set[tuple[str, str]] = set()

    async def step(
        visitor: Any, method: str, template: str, body: Any = None, query: str = "", **ids: str
    ) -> Answer:
        path = template.format(**ids)
        answer: Answer = await visitor.send(method.upper(), path + query, body)
        check(document, template, method, answer)
        if answer.status < 300:
            seen.add((template, method))
        return answer

    await step(program, "get", "/api/v1/openapi.json")
    account = {"email": "alice@example.org", "password": PASSWORD, "name": "Alice"}
    await step(program, "post", "/api/v1/register", account)
    await step(program, "post", "/api/v1/register", account)
    await step(program, "post", "/api/v1/register", {"email": "x"})
    await step(program, "post", "/api/v1/register", account | {"email": "b@c", "password": "x"})
    credentials = {"email": "alice@example.org", "password": PASSWORD}
    await step(program, "post", "/api/v1/token", credentials | {"password": "wrong"})
    token = (await step(program, "post", "/api/v1/token", credentials)).json["access_token"]
    alice = site.visitor(headers={"Authorization": f"Bearer {token}"})
    await step(program, "get", "/api/v1/me")
    await step(alice, "get", "/api/v1/me")
    await step(alice, "patch", "/api/v1/me", {"name": "Alice B.", "language": "ru"})
    await step(alice, "patch", "/api/v1/me", {"email": "other@example.org"})
    room = (await step(alice, "post", "/api/v1/rooms", {"name": "kitchen"})).json["id"]
    await step(alice, "post", "/api/v1/rooms", {"name": " "})
    at = "/api/v1/rooms/{room_id}"
    posted = await step(alice, "post", f"{at}/messages", {"cid": "c1", "text": "hi"}, room_id=room)
    again = await step(alice, "post", f"{at}/messages", {"cid": "c1", "text": "hi"}, room_id=room)
    assert (posted.json["dup"], again.json["dup"]) == (False, True)
    assert posted.json["seq"] == again.json["seq"]
    await step(alice, "get", "/api/v1/rooms")
    await step(alice, "get", "/api/v1/rooms", query="?mine=1&search=kit")
    await step(alice, "get", "/api/v1/rooms", query="?nonsense=1")
    bob = await site.script("bob")
    for each in (at, f"{at}/messages", f"{at}/people"):
        await step(alice, "get", each, room_id=room)
        await step(bob, "get", each, room_id=room)
        await step(alice, "get", each, room_id="neverexisted0000")
    await step(alice, "post", f"{at}/files", {"any": "file"}, query="?name=a.json", room_id=room)
    await step(bob, "post", f"{at}/files", {"any": "file"}, room_id=room)
    mark = {"epoch": posted.json["epoch"], "seq": posted.json["seq"]}
    await step(alice, "put", f"{at}/read", mark, room_id=room)
    await step(bob, "put", f"{at}/read", mark, room_id=room)
    message = f"{at}/messages/{{position}}"
    ids = {"room_id": room, "position": f"{mark['epoch']}-{mark['seq']}"}
    await step(alice, "patch", message, {"text": "hello", "cid": "c2"}, **ids)
    await step(alice, "patch", message, {"text": ""}, **ids)
    await step(bob, "patch", message, {"text": "mine"}, **ids)
    reaction = f"{message}/reactions/{{emoji}}"
    await step(alice, "put", reaction, query="?cid=c3", emoji="👍", **ids)
    await step(alice, "put", reaction, query="?cid=no%20id", emoji="👍", **ids)
    await step(alice, "put", reaction, emoji="yes", **ids)
    page = await step(alice, "get", f"{at}/messages", room_id=room)
    assert page.json["events"][-1]["reactions"][0]["emoji"] == "👍"
    await step(alice, "delete", reaction, emoji="👍", **ids)
    await step(alice, "delete", message, **ids | {"position": "1-1"})
    await step(alice, "delete", message, **ids)
    page = await step(alice, "get", f"{at}/messages", room_id=room)
    assert page.json["events"][-1]["deleted"]["user"]["name"] == "Alice B."
    await step(alice, "get", "/api/v1/search", query="?q=hello")
    await step(alice, "get", "/api/v1/search", query="?q=after:never")
    await _moderate(step, alice, bob, room)
    await _hook(step, alice, bob, room)
    await step(alice, "put", f"{at}/notices", {"level": "all"}, room_id=room)
    await step(alice, "put", f"{at}/notices", {"level": "some"}, room_id=room)
    await step(alice, "put", f"{at}/favourite", room_id=room)
    await step(alice, "delete", f"{at}/favourite", room_id=room)
    await step(alice, "get", "/api/v1/notices")
    await step(alice, "patch", "/api/v1/notices", {"quiet_from": "22:00", "quiet_to": "07:00"})
    await step(alice, "patch", "/api/v1/notices", {"time_zone": "Mars/Crater"})
    subscription = Browser("https://push.example.org/a").subscription
    await step(alice, "put", "/api/v1/push", subscription)
    await step(alice, "put", "/api/v1/push", subscription | {"auth": "x"})
    await step(alice, "delete", "/api/v1/push")
    await _pin(step, alice, bob, room)
    await step(bob, "delete", f"{at}/membership", room_id=room)
    await step(bob, "post", f"{at}/messages", {"cid": "c1", "text": "hi"}, room_id=room)
    await step(bob, "delete", f"{at}/membership", room_id=room)
    await step(bob, "delete", at, room_id=room)
    await step(alice, "delete", at, room_id=room)
    await administer(site, step)
    asked = {"name": "Build", "scopes": ["read"]}
    made = await step(alice, "post", "/api/v1/tokens", asked)
    await step(alice, "post", "/api/v1/tokens", asked | {"scopes": ["admin"]})
    await step(alice, "get", "/api/v1/tokens")
    reader = site.visitor(headers={"Authorization": f"Bearer {made.json['token']}"})
    await step(reader, "get", "/api/v1/rooms")
    await step(reader, "post", "/api/v1/rooms", {"name": "cellar"})
    await step(alice, "delete", "/api/v1/tokens/{token_id}", token_id="neverexisted0000")
    await step(alice, "delete", "/api/v1/tokens/{token_id}", token_id=made.json["id"])
    sessions = (await step(alice, "get", "/api/v1/sessions")).json["sessions"]
    own = sessions[0]["id"]
    at = "/api/v1/sessions/{session_id}"
    await step(bob, "delete", at, session_id=own)
    change = {"current": PASSWORD, "new": PASSWORD + "-2"}
    await step(alice, "put", "/api/v1/me/password", change | {"current": "wrong"})
    await step(alice, "put", "/api/v1/me/password", change | {"new": "x"})
    await step(alice, "put", "/api/v1/me/password", change)
    await step(alice, "delete", "/api/v1/sessions")
    await step(alice, "delete", at, session_id=own)
    assert seen == api_routes(site)


async def administer(site: Site, step: Any) -> None:
    """Carol administers, dave is administered, and then leaves."""
    carol, dave = await site.script("carol"), await site.script("dave")
    ids = {
        name: (await site.deps.users.by_email(f"{name}@example.org")) for name in ("carol", "dave")
    }
    assert ids["carol"] is not None
    assert ids["dave"] is not None
    root = Actor("", "root", "command line")
    await site.deps.administration.set_admin(root, ids["carol"].id, True)
    own, his = {"user_id": ids["carol"].id}, {"user_id": ids["dave"].id}
    at, user = "/api/v1/admin", "/api/v1/admin/users/{user_id}"
    room = {"room_id": await site.room(dave, "attic")}
    await step(dave, "get", f"{at}/users")
    for each in ("users", "rooms", "audit", "audit/export"):
        await step(carol, "get", f"{at}/{each}")
        if "export" not in each:
            await step(carol, "get", f"{at}/{each}", query="?nonsense=1")
    await step(carol, "patch", user, {"disabled": False}, **his)
    await step(carol, "patch", user, {"disabled": True}, **own)
    await step(carol, "get", f"{user}/export", **his)
    for where in (room, {"room_id": "neverexisted0000"}):
        await step(carol, "get", f"{at}/rooms/{{room_id}}/export", **where)
        await step(carol, "patch", f"{at}/rooms/{{room_id}}", {"owner": own["user_id"]}, **where)
        await step(carol, "delete", f"{at}/rooms/{{room_id}}", **where)
    await step(dave, "get", "/api/v1/me/export")
    farewell = {"texts": "keep", "password": "wrong"}
    await step(dave, "delete", "/api/v1/me", farewell)
    await step(carol, "post", f"{user}/reset-link", **his)
    await step(carol, "post", f"{user}/password", **his)
    await step(carol, "delete", f"{user}/sessions", **his)
    await step(carol, "delete", user, **his)
    await step(carol, "delete", user, query="?texts=erase", **his)
    await step(carol, "delete", user, query="?texts=erase", **his)
    erin = await site.script("erin")
    await step(erin, "delete", "/api/v1/me", farewell | {"password": PASSWORD})


async def _hook(step: Any, alice: Any, bob: Any, room: str) -> None:
    """Make, renew and end hooks of both kinds."""
    for kind, asked in (
        ("incoming", {"name": "Builds", "bot_name": "Robot"}),
        ("outgoing", {"name": "Archive", "url": "https://example.org/in"}),
    ):
        at = f"/api/v1/rooms/{{room_id}}/hooks/{kind}"
        made = await step(alice, "post", at, asked, room_id=room)
        await step(alice, "post", at, {"name": "Builds"}, room_id=room)
        await step(alice, "get", at, room_id=room)
        await step(bob, "get", at, room_id=room)
        ids = {"room_id": room, "hook_id": made.json["id"]}
        deeds = [("post", "/secret"), ("delete", "")]
        if kind == "outgoing":
            deeds.insert(0, ("post", "/again"))
        for method, rest in deeds:
            await step(bob, method, at + "/{hook_id}" + rest, **ids)
            await step(alice, method, at + "/{hook_id}" + rest, **ids)
            await step(alice, method, at + "/{hook_id}" + rest, **ids | {"hook_id": "none"})


async def _moderate(step: Any, alice: Any, bob: Any, room: str) -> None:
    """Change the room, invite people, and say what they are in it."""
    at = "/api/v1/rooms/{room_id}"
    await step(alice, "patch", at, {"description": "Tea", "visibility": "private"}, room_id=room)
    await step(alice, "patch", at, {"description": "x" * 301}, room_id=room)
    await step(bob, "patch", at, {"description": "mine"}, room_id=room)
    made = await step(alice, "post", f"{at}/invites", {"uses": 2}, room_id=room)
    await step(alice, "post", f"{at}/invites", {"uses": 0}, room_id=room)
    await step(alice, "get", f"{at}/invites", room_id=room)
    link = "/api/v1/invites/{token}"
    for token in (made.json["token"], "nonsense"):
        await step(bob, "get", link, token=token)
        await step(bob, "post", link, token=token)
    await step(bob, "get", f"{at}/invites", room_id=room)
    revoked = {"room_id": room, "invite_id": made.json["id"]}
    await step(alice, "delete", f"{at}/invites/{{invite_id}}", **revoked)
    await step(alice, "delete", f"{at}/invites/{{invite_id}}", **revoked | {"invite_id": "none"})
    await step(bob, "get", link, token=made.json["token"])
    ids = {"room_id": room, "user_id": (await bob.get("/api/v1/me")).json["id"]}
    await step(bob, "get", f"{at}/members", room_id=room)
    member, ban = f"{at}/members/{{user_id}}", f"{at}/bans/{{user_id}}"
    await step(alice, "put", member, {"role": "muted"}, **ids)
    await step(alice, "put", member, {"role": "owner"}, **ids)
    await step(bob, "post", f"{at}/messages", {"cid": "m1", "text": "hi"}, room_id=room)
    await step(alice, "delete", member, **ids)
    await step(alice, "delete", member, **ids)
    await step(alice, "put", ban, **ids)
    await step(alice, "get", f"{at}/members", query="?search=bo", room_id=room)
    await step(alice, "delete", ban, **ids)
    await step(alice, "post", "/api/v1/direct/{user_id}", user_id=ids["user_id"])
    await step(bob, "post", "/api/v1/direct/{user_id}", user_id=ids["user_id"])
    await step(alice, "patch", at, {"visibility": "public"}, room_id=room)


async def _pin(step: Any, alice: Any, bob: Any, room: str) -> None:
    at = "/api/v1/rooms/{room_id}"
    body = {"cid": "pinned", "text": "read this"}
    posted = (await step(alice, "post", f"{at}/messages", body, room_id=room)).json
    where = {"room_id": room, "position": f"{posted['epoch']}-{posted['seq']}"}
    pin = at + "/pins/{position}"
    await step(alice, "put", pin, **where)
    await step(bob, "put", pin, **where)
    await step(alice, "get", f"{at}/pins", room_id=room)
    await step(alice, "get", at + "/messages/{position}/versions", **where)
    await step(alice, "get", at + "/messages/{position}/versions", room_id=room, position="x")
    await step(alice, "delete", pin, **where)
