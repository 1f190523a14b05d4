from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import orjson
import pytest

from server.storage.audit import Actor
from server.website.administration import set_admin
from tests.website.site import PASSWORD, Site, Visitor

ROOT = Actor("", "root", "command line")


async def admin(site: Site, name: str = "alice", *, browser: bool = False) -> Visitor:
    """A new account that was made an administrator."""
    visitor = await (site.browser if browser else site.script)(name)
    await set_admin(site.deps, ROOT, await id_of(site, name), is_admin=True)
    return visitor


async def id_of(site: Site, name: str) -> str:
    account = await site.deps.users.by_email(f"{name}@example.org")
    assert account is not None
    return account.id


async def audit(site: Site) -> list[tuple[str, str, str]]:
    """Who did what to whom, the oldest first."""
    from server.storage.audit import Filter

    deeds = await site.deps.audit.page(Filter(), 100)
    return [(deed.actor.name, deed.action, deed.target.name) for deed in reversed(deeds)]


PAGES = (
    *(("GET", path) for path in ("/admin", "/admin/", "/admin/users/", "/admin/users/{user}/")),
    *(("GET", path) for path in ("/admin/rooms/", "/admin/audit/")),
    *(("POST", f"/admin/users/{{user}}/{what}") for what in ("change", "password", "reset-link")),
    ("POST", "/admin/users/{user}/delete"),
    ("POST", "/admin/users/{user}/export"),
    *(("POST", f"/admin/rooms/{{room}}/{what}") for what in ("owner", "delete", "export")),
    ("POST", "/admin/audit/export"),
)
API = (
    *(("GET", f"/api/v1/admin/{what}") for what in ("users", "rooms", "audit", "audit/export")),
    *((method, "/api/v1/admin/users/{user}") for method in ("PATCH", "DELETE")),
    ("DELETE", "/api/v1/admin/users/{user}/sessions"),
    *(("POST", f"/api/v1/admin/users/{{user}}/{what}") for what in ("password", "reset-link")),
    ("GET", "/api/v1/admin/users/{user}/export"),
    *((method, "/api/v1/admin/rooms/{room}") for method in ("PATCH", "DELETE")),
    ("GET", "/api/v1/admin/rooms/{room}/export"),
)


async def test_the_lists_of_these_tests_name_every_route_for_administrators(site: Site) -> None:
    served = set()
    for route in site.app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical.replace("{user_id}", "{user}")
        if "/admin" in path and route.method != "HEAD":
            served.add((route.method, path.replace("{room_id}", "{room}")))
    assert served == {*PAGES, *API}


async def test_whoever_is_no_administrator_finds_nothing_there(site: Site) -> None:
    bob = await site.script("bob")
    room = await site.room(bob)
    ids = {"user": await id_of(site, "bob"), "room": room}
    mallory = await site.browser("mallory")
    nobody = site.visitor(browser=True)
    missing = await mallory.get("/admin/nothing/")
    for method, path in PAGES:
        answer = await mallory.ask(method, path.format(**ids), data={"csrf_token": mallory.csrf})
        assert answer.status == 404, (method, path)
        if method == "GET":
            assert len(answer.body) == pytest.approx(len(missing.body), abs=80)
            assert (await nobody.get(path.format(**ids))).status == 404
    program = await site.script("mallory", new=False)
    for method, path in API:
        answer = await program.send(method, path.format(**ids), {})
        assert (answer.status, answer.code) == (404, "not_found"), (method, path)
        answer = await site.visitor().send(method, path.format(**ids), {})
        assert answer.status == 401
    assert (await bob.get(f"/api/v1/rooms/{room}")).status == 200
    assert await audit(site) == []


async def test_who_is_no_administrator_any_more_finds_nothing_from_the_next_request(
    site: Site,
) -> None:
    alice, bob = await admin(site), await admin(site, "bob")
    assert (await bob.get("/api/v1/admin/users")).status == 200
    change = {"is_admin": False}
    path = f"/api/v1/admin/users/{await id_of(site, 'bob')}"
    assert (await alice.send("PATCH", path, change)).json["is_admin"] is False
    assert (await bob.get("/api/v1/admin/users")).status == 404
    assert (await bob.get("/api/v1/me")).json["is_admin"] is False


async def test_a_disabled_person_is_out_at_once_everywhere(site: Site) -> None:
    alice, bob = await admin(site), await site.script("bob")
    assert (await bob.get("/api/v1/me")).status == 200
    user = await id_of(site, "bob")
    heard: list[str] = []
    announce = site.deps.cache.announce_user

    async def listen(user_id: str) -> None:
        heard.append(user_id)
        await announce(user_id)

    object.__setattr__(site.deps.cache, "announce_user", listen)
    path = f"/api/v1/admin/users/{user}"
    assert (await alice.send("PATCH", path, {"disabled": True})).json["disabled"] is True
    assert heard == [user]
    assert (await bob.get("/api/v1/me")).status == 401
    form = {"username": "bob@example.org", "password": PASSWORD}
    assert (await site.visitor().post("/token", form)).status == 401
    assert (await alice.send("PATCH", path, {"disabled": False})).status == 200
    assert (await site.visitor().post("/token", form)).status == 200
    assert (await audit(site))[1:] == [
        ("Alice", "user.disable", "Bob"),
        ("Alice", "user.enable", "Bob"),
    ]


async def test_nobody_locks_himself_out(site: Site) -> None:
    alice = await admin(site)
    path = f"/api/v1/admin/users/{await id_of(site, 'alice')}"
    for change in ({"disabled": True}, {"is_admin": False}):
        assert (await alice.send("PATCH", path, change)).code == "forbidden"
    assert (await alice.send("DELETE", f"{path}?texts=keep")).code == "forbidden"
    assert (await alice.get("/api/v1/admin/users")).status == 200


async def test_a_temporary_password_lets_in_and_the_old_one_does_not(site: Site) -> None:
    alice, bob = await admin(site), await site.script("bob")
    path = f"/api/v1/admin/users/{await id_of(site, 'bob')}/password"
    password = (await alice.send("POST", path)).json["password"]
    assert len(password) >= 16
    assert (await bob.get("/api/v1/me")).status == 401
    form = {"username": "bob@example.org", "password": PASSWORD}
    assert (await site.visitor().post("/token", form)).status == 401
    form["password"] = password
    assert (await site.visitor().post("/token", form)).status == 200
    async with site.deps.pool.connection() as connection:
        kept = await connection.fetchval("SELECT string_agg(audit::text, ' ') FROM audit")
    assert password not in kept


async def test_the_audit_log_only_grows_and_goes_with_its_change(site: Site) -> None:
    alice = await admin(site)
    await site.script("bob")
    user = await id_of(site, "bob")
    async with site.deps.pool.connection() as connection:
        for statement in ("DELETE FROM audit", "UPDATE audit SET action = ''", "TRUNCATE audit"):
            with pytest.raises(asyncpg.RaiseError):
                await connection.execute(statement)
        await connection.execute(
            "ALTER TABLE audit ADD CONSTRAINT refuse CHECK (action <> 'user.disable')"
        )
    answer = await alice.send("PATCH", f"/api/v1/admin/users/{user}", {"disabled": True})
    assert answer.status == 500
    account = await site.deps.users.by_id(user)
    assert account is not None
    assert not account.disabled
    assert len(await audit(site)) == 1


async def test_lines_of_the_audit_log_are_filtered_paged_and_exported(site: Site) -> None:
    alice = await admin(site)
    await site.script("bob")
    user = await id_of(site, "bob")
    for number in range(60):
        change = {"disabled": number % 2 == 0}
        await alice.send("PATCH", f"/api/v1/admin/users/{user}", change)
    first = (await alice.get("/api/v1/admin/audit?who=alice@example.org")).json
    assert (len(first["lines"]), first["more"]) == (50, True)
    line = first["lines"][0]
    assert (line["address"], line["target"]["id"]) == ("127.0.0.1", user)
    rest = await alice.get(
        f"/api/v1/admin/audit?who=alice@example.org&before={first['lines'][-1]['id']}"
    )
    assert (len(rest.json["lines"]), rest.json["more"]) == (10, False)
    found = await alice.get("/api/v1/admin/audit?action=user.enable&target=bob@example.org")
    assert len(found.json["lines"]) == 30
    assert (await alice.get("/api/v1/admin/audit?until=1")).json["lines"] == []
    export = await alice.get("/api/v1/admin/audit/export?action=user.enable")
    assert export.headers["Content-Type"] == "application/x-ndjson"
    assert "attachment" in export.headers["Content-Disposition"]
    lines = [orjson.loads(each) for each in export.body.splitlines()]
    assert len(lines) == 31
    assert lines[-1] == {"line": "end", "lines": 30}


async def test_a_room_gets_another_owner_in_both_stores(site: Site) -> None:
    alice, bob, carol = await admin(site), await site.script("bob"), await site.script("carol")
    room = await site.room(bob)
    secret = await site.room(bob, "secret", visibility="private")
    path = f"/api/v1/admin/rooms/{room}"
    carols = await id_of(site, "carol")
    answer = await alice.send("PATCH", path, {"owner": "carol@example.org"})
    assert answer.json == {"id": room, "owner_id": carols}
    assert (await carol.get(f"/api/v1/rooms/{room}")).json["role"] == "owner"
    events = (await carol.get(f"/api/v1/rooms/{room}/messages")).json["events"]
    told = [(each["user"]["name"], each["role"]) for each in events if each["ev"] == "role"]
    assert told == [("Bob", "member"), ("Carol", "owner")]
    assert (await bob.get(f"/api/v1/rooms/{room}")).json["role"] == "member"
    assert (await bob.send("DELETE", f"/api/v1/rooms/{room}")).status == 403
    assert (await carol.send("DELETE", f"/api/v1/rooms/{room}/membership")).status == 403
    snapshot = await site.deps.rooms.snapshot(room, 10)
    assert snapshot is not None
    assert {user: member.role.value for user, member in snapshot.members.items()} == {
        carols: "owner",
        await id_of(site, "bob"): "member",
    }
    answer = await alice.send("PATCH", f"/api/v1/admin/rooms/{secret}", {"owner": carols})
    assert answer.code == "not_a_member"
    answer = await alice.send("PATCH", path, {"owner": "nobody@example.org"})
    assert answer.code == "not_found"
    assert (await carol.send("DELETE", f"/api/v1/rooms/{room}")).status == 200


async def test_a_room_is_found_exported_and_deleted_by_an_administrator(site: Site) -> None:
    alice, bob = await admin(site), await site.script("bob")
    room = await site.room(bob, "Кладовая", visibility="private")
    texts = [f"message {number}" for number in range(120)]
    for number, text in enumerate(texts):
        message = {"cid": f"c{number}", "text": text}
        answer = await bob.send("POST", f"/api/v1/rooms/{room}/messages", message)
        while answer.status == 429:
            await asyncio.sleep(answer.json["error"]["retry_ms"] / 1000)
            answer = await bob.send("POST", f"/api/v1/rooms/{room}/messages", message)
        assert answer.status == 200
    found = (await alice.get("/api/v1/admin/rooms?search=КЛАД&state=private")).json["rooms"]
    assert [(each["id"], each["owner"]["email"]) for each in found] == [(room, "bob@example.org")]
    export = await alice.get(f"/api/v1/admin/rooms/{room}/export")
    lines: list[dict[str, Any]] = [orjson.loads(each) for each in export.body.splitlines()]
    assert (lines[0]["line"], lines[0]["name"]) == ("room", "Кладовая")
    assert [line["text"] for line in lines if line.get("ev") == "message"] == texts
    assert lines[-1] == {"line": "end", "lines": len(lines) - 1}
    assert (await alice.send("DELETE", f"/api/v1/admin/rooms/{room}")).status == 200
    assert (await bob.get(f"/api/v1/rooms/{room}")).status == 404
    assert (await alice.get(f"/api/v1/admin/rooms/{room}/export")).status == 404
    deeds = [action for _, action, _ in await audit(site)]
    assert deeds == ["user.grant", "room.export", "room.delete"]
    # What the page of rooms does for an administrator is written down too.
    kitchen = await site.room(bob)
    assert (await alice.send("DELETE", f"/chatrooms/delete/{kitchen}")).status == 200
    assert (await audit(site))[-1] == ("Alice", "room.delete", "kitchen")


async def test_the_pages_do_the_same_and_name_whom_they_do_it_to(site: Site) -> None:
    alice = await admin(site, browser=True)
    await site.script("bob")
    user = await id_of(site, "bob")
    page = await alice.get("/admin/users/?search=BOB%40example")
    assert page.text.count(f'href="/admin/users/{user}/"') == 1
    assert "alice@example.org" not in page.text
    one = f"/admin/users/{user}/"
    assert "Log Bob (bob@example.org) out at once" in (await alice.get(one)).text
    forged = await alice.post(f"{one}change", {"do": "disable", "csrf_token": "x"})
    assert forged.status == 403
    answer = await alice.post(f"{one}change", {"do": "disable"})
    assert answer.location == f"{one}?done=disabled"
    assert "Enable the account" in (await alice.get(answer.location)).text
    assert (await alice.get("/admin/users/?state=disabled")).text.count(one) == 1
    assert (await alice.post(f"{one}change", {"do": "enable"})).status == 303
    shown = await alice.post(f"{one}password")
    assert 'class="secret"' in shown.text
    bob = await site.script("carol")
    room = await site.room(bob, "pantry")
    refused = await alice.post(f"/admin/rooms/{room}/owner", {"owner": "nobody@example.org"})
    assert refused.status == 404
    assert "There is no account with this e-mail." in refused.text
    answer = await alice.post(f"/admin/rooms/{room}/owner", {"owner": "bob@example.org"})
    assert answer.location == "/admin/rooms/?done=owner"
    assert "Delete “pantry”?" in (await alice.get("/admin/rooms/?search=pan")).text
    assert (await alice.post(f"/admin/rooms/{room}/delete")).status == 303
    page = await alice.get("/admin/audit/?who=alice@example.org&action=room.delete")
    assert "pantry" in page.text
    assert "reset the password of" in (await alice.get("/admin/audit/")).text
    assert (await alice.post("/admin/audit/export", {"action": "room.delete"})).status == 200
    assert (await alice.get("/admin/audit/?since=yesterday")).status == 400
    assert (await alice.post(f"{one}delete", {"texts": "keep", "rooms": "keep"})).status == 303
    assert (await alice.get(one)).status == 404
    assert "Deleted account" in (await alice.get("/admin/users/?state=deleted")).text
