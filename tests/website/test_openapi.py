from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from server.website.api.operation import OPERATIONS
from server.website.openapi import PREFIX, operations
from tests.website.site import PASSWORD, Answer, Site


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
    schema = responses[str(answer.status)]["content"]["application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    errors = list(Draft202012Validator(whole).iter_errors(answer.json))
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
    await step(bob, "delete", f"{at}/membership", room_id=room)
    await step(bob, "post", f"{at}/messages", {"cid": "c1", "text": "hi"}, room_id=room)
    await step(bob, "delete", f"{at}/membership", room_id=room)
    await step(bob, "delete", at, room_id=room)
    await step(alice, "delete", at, room_id=room)
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
    await step(alice, "delete", at, session_id=own)
    assert seen == api_routes(site)
