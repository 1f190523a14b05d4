"""Direct messages: one room per pair, for nobody else."""

from __future__ import annotations

import asyncio

from tests.website.site import Site
from tests.website.test_moderation import id_of, speak
from tests.website.test_private_rooms import attempts, names


async def test_a_pair_has_one_room_whoever_begins_and_however_often(site: Site) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    hers, his = await id_of(alice), await id_of(bob)
    asked = [alice.send("POST", f"/api/v1/direct/{his}") for _ in range(3)]
    asked += [bob.send("POST", f"/api/v1/direct/{hers}") for _ in range(3)]
    answers = await asyncio.gather(*asked)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert [answer.json["name"] for answer in answers] == ["Bob"] * 3 + ["Alice"] * 3
    room = answers[0].json["id"]
    assert (await speak(alice, room, "c1")).status == 200
    assert (await speak(bob, room, "c1")).status == 200
    assert (await names(alice), await names(bob)) == (["Bob"], ["Alice"])
    assert await names(alice, "?search=bo") == ["Bob"]


async def test_nobody_else_finds_or_enters_direct_messages(site: Site) -> None:
    alice, bob, mallory = [await site.script(name) for name in ("alice", "bob", "mallory")]
    his = await id_of(bob)
    room = (await alice.send("POST", f"/api/v1/direct/{his}")).json["id"]
    assert await names(mallory) == await names(mallory, "?search=bo") == []
    assert set((await attempts(mallory, room)).values()) == {404}


async def test_neither_of_the_two_leads_invites_or_leaves(site: Site) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    his = await id_of(bob)
    room = (await alice.send("POST", f"/api/v1/direct/{his}")).json["id"]
    at = f"/api/v1/rooms/{room}"
    for method, path, body in (
        ("PATCH", at, {"visibility": "public"}),
        ("POST", f"{at}/invites", {}),
        ("PUT", f"{at}/bans/{his}", None),
        ("DELETE", f"{at}/membership", None),
        ("DELETE", at, None),
    ):
        assert (await alice.send(method, path, body)).code == "forbidden", (method, path)


async def test_the_name_is_the_other_persons_name_of_today(site: Site) -> None:
    alice, bob = await site.browser("alice"), await site.script("bob")
    his = await id_of(bob)
    answer = await alice.post(f"/chatrooms/direct/{his}")
    assert answer.status == 303
    await bob.send("PATCH", "/api/v1/me", {"name": "Robert the Elder"})
    page = await alice.get(answer.location)
    assert "Robert the Elder" in page.text
    mine = await id_of(alice)
    for nobody in (mine, "nobody"):
        assert (await alice.post(f"/chatrooms/direct/{nobody}")).status == 404
