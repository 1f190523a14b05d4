"""Favourites by the form and by the API."""

from __future__ import annotations

from typing import Any

from tests.website.site import PASSWORD, Site, Visitor


async def _listed(visitor: Visitor) -> list[dict[str, Any]]:
    rooms: list[dict[str, Any]] = (await visitor.get("/api/v1/rooms")).json["rooms"]
    return rooms


async def _names(visitor: Visitor) -> list[tuple[str, bool]]:
    return [(room["name"], room["favourite"]) for room in await _listed(visitor)]


async def test_favourites_stand_before_rooms_in_which_more_is_said(site: Site) -> None:
    alice = await site.script("alice")
    rooms = {}
    for name in ("quiet", "busy", "busier"):
        made = await alice.send("POST", "/api/v1/rooms", {"name": name})
        rooms[name] = made.json["id"]
    for name in ("quiet", "busy", "busier"):
        said = {"cid": name, "text": "hi"}
        await alice.send("POST", f"/api/v1/rooms/{rooms[name]}/messages", said)
    star = f"/api/v1/rooms/{rooms['quiet']}/favourite"
    for _ in range(2):
        answer = await alice.send("PUT", star)
        assert answer.json == {"id": rooms["quiet"], "favourite": True}
    assert await _names(alice) == [("quiet", True), ("busier", False), ("busy", False)]
    for _ in range(2):
        answer = await alice.send("DELETE", star)
        assert answer.json == {"id": rooms["quiet"], "favourite": False}
    assert await _names(alice) == [("busier", False), ("busy", False), ("quiet", False)]


async def test_a_star_is_ones_own_and_set_by_a_form(site: Site) -> None:
    alice, bob = await site.browser("alice"), await site.browser("bob")
    room = await site.room(alice)
    path, page = f"/chatrooms/favourite/{room}", f"/chatrooms/chat/{room}"
    assert 'aria-pressed="false" aria-label="Favourite"' in (await alice.get(page)).text
    answer = await alice.post(path, {"favourite": "yes"})
    assert (answer.status, answer.location) == (303, page)
    shown = (await alice.get(page)).text
    assert 'value="no" aria-pressed="true" aria-label="Favourite"' in shown
    assert "data-favourite" in shown
    assert (await bob.post(path, {"favourite": "yes"})).status == 403
    assert "data-favourite" not in (await bob.get(page)).text
    assert (await alice.post(path, {"favourite": "maybe"})).status == 400
    await alice.post(path, {"favourite": "no"})
    assert "data-favourite" not in (await alice.get(page)).text


async def test_a_favourite_is_listed_however_many_other_rooms_there_are(site: Site) -> None:
    alice = await site.browser("alice")
    quiet = await site.room(alice, "quiet")
    await site.room(alice, "busy")
    user = (await alice.get("/api/v1/me")).json["id"]
    await alice.post(f"/chatrooms/favourite/{quiet}", {"favourite": "yes"})
    (row,) = await site.deps.rooms.of_member(user, 1)
    assert (row.room.id, row.favourite) == (quiet, True)


async def test_stars_go_with_the_account(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    await alice.post(f"/chatrooms/favourite/{room}", {"favourite": "yes"})
    goodbye = {"texts": "keep", "rooms": "keep", "password": PASSWORD}
    answer = await alice.post("/profile/delete", goodbye)
    assert answer.status == 303
    async with site.deps.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM favourites") == 0
