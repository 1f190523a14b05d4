from __future__ import annotations

from typing import Any

import orjson

from tests.website.site import PASSWORD, Answer, Site

PROFILE = {"texts": "keep", "rooms": "keep", "password": PASSWORD}


def lines_of(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [orjson.loads(line) for line in answer.body.splitlines()]


async def test_a_person_takes_all_and_only_the_own_data_along(site: Site) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    room = await site.room(alice)
    assert (await bob.get(f"/chatrooms/chat/{room}")).status == 200
    lines = lines_of(await bob.get("/api/v1/me/export"))
    assert [line["line"] for line in lines] == ["profile", "session", "end"]
    assert (lines[0]["email"], lines[0]["name"]) == ("bob@example.org", "Bob")
    assert "password" not in orjson.dumps(lines).decode()
    lines = lines_of(await alice.get("/api/v1/me/export"))
    assert [line["line"] for line in lines] == ["profile", "session", "membership", "end"]
    assert (lines[2]["room"], lines[2]["role"]) == (room, "owner")
    assert lines[-1]["lines"] == 3
    assert (await site.visitor().get("/api/v1/me/export")).status == 401
    answers = [await bob.get("/api/v1/me/export") for _ in range(10)]
    assert answers[-1].code == "throttled"


async def test_the_export_has_what_was_said_page_by_page(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    me = (await alice.get("/api/v1/me")).json["id"]
    async with site.deps.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO messages (room_id, epoch, seq, kind, at, user_id, user_name, cid, text)"
            " SELECT $1, 1, n, 'm', n, CASE WHEN n % 2 = 0 THEN $2 ELSE 'bob' END, 'X',"
            " 'c' || n, 'text ' || n FROM generate_series(1, 2400) AS n",
            room,
            me,
        )
    lines = lines_of(await alice.get("/api/v1/me/export"))
    said = [line for line in lines if line["line"] == "message"]
    assert sorted(line["seq"] for line in said) == list(range(2, 2401, 2))
    assert {line["text"] for line in said} == {f"text {line['seq']}" for line in said}


async def test_a_deletion_asks_for_the_password_and_says_what_it_does(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    page = await alice.get("/profile/delete")
    assert "alice@example.org" in page.text
    assert "You own 1 room." in page.text
    wrong = await alice.post("/profile/delete", PROFILE | {"password": "wrong"})
    assert wrong.status == 403
    assert "The password is wrong." in wrong.text
    assert (await alice.post("/profile/delete", PROFILE | {"texts": "perhaps"})).status == 400
    forged = await alice.post("/profile/delete", PROFILE | {"csrf_token": "x"})
    assert forged.status == 403
    export = await alice.post("/profile/export")
    assert b'"line":"end"' in export.body
    gone = await alice.post("/profile/delete", PROFILE)
    assert (gone.status, gone.location) == (303, "/login/")
    assert "storage" in gone.headers["Clear-Site-Data"]
    assert (await alice.get("/api/v1/me")).status == 401
    form = {"email": "alice@example.org", "password": PASSWORD}
    assert (await site.visitor(browser=True).post("/login/", form)).status == 401
    kept = await site.deps.rooms.by_id(room)
    assert kept is not None
    assert not kept.deleted
    async with site.deps.pool.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM users")
        assert await connection.fetchval("SELECT count(*) FROM sessions") == 0
        audit = await connection.fetchval("SELECT string_agg(audit::text, ' ') FROM audit")
    assert row is not None
    assert "alice" not in str(dict(row)).lower()
    assert "alice" not in audit.lower()
    # The address is free again, for somebody who has nothing of the old account.
    await site.open_account("alice")
    again = await site.script("alice", new=False)
    assert (await again.get("/api/v1/rooms?mine=1")).json["rooms"] == []


async def test_own_rooms_go_too_where_that_is_wished_and_the_name_is_russian(site: Site) -> None:
    alice = await site.script("alice")
    rooms = [await site.room(alice, name) for name in ("kitchen", "pantry")]
    await alice.send("PATCH", "/api/v1/me", {"language": "ru"})
    body = PROFILE | {"rooms": "delete"}
    wrong = await alice.send("DELETE", "/api/v1/me", body | {"password": "wrong"})
    assert (wrong.status, wrong.code) == (401, "wrong_credentials")
    me = (await alice.get("/api/v1/me")).json["id"]
    assert (await alice.send("DELETE", "/api/v1/me", body)).status == 200
    for room in rooms:
        found = await site.deps.rooms.by_id(room)
        assert found is not None
        assert found.deleted
    account = await site.deps.users.by_id(me)
    assert account is not None
    assert (account.name, account.disabled) == ("Удалённый аккаунт", True)
    async with site.deps.pool.connection() as connection:
        names = await connection.fetch("SELECT DISTINCT actor_name FROM audit")
    assert [row["actor_name"] for row in names] == ["Удалённый аккаунт"]
