"""Invitations lead into rooms: as often, as long and for whom they should."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.domain.rooms import User
from server.storage.invites import Invites
from tests.website.site import Site, Visitor


async def private_room(site: Site, owner: Visitor) -> str:
    return await site.room(owner, "attic", visibility="private")


async def invite(owner: Visitor, room: str, **wanted: Any) -> dict[str, Any]:
    answer = await owner.send("POST", f"/api/v1/rooms/{room}/invites", wanted)
    assert answer.status == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


async def shift(site: Site, by_ms: int) -> None:
    async with site.deps.pool.connection() as connection:
        await connection.execute("UPDATE invites SET expires_at = expires_at + $1", by_ms)


async def test_a_person_logs_in_looks_at_the_room_and_joins(site: Site) -> None:
    alice = await site.script("alice")
    room = await private_room(site, alice)
    made = await invite(alice, room)
    path = made["url"].removeprefix(site.base)
    assert path == f"/join/{made['token']}"
    stranger = site.visitor(browser=True)
    assert (await stranger.get(path)).location == f"/login/?next={path}"
    bob = await site.browser("bob")
    page = await bob.get(path)
    assert page.status == 200
    # The address is a key, told to no other site; the form has to tell its origin, though.
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "attic" in page.text
    assert "Alice invites you" in page.text
    answer = await bob.post(path)
    assert (answer.status, answer.location) == (303, f"/chatrooms/chat/{room}")
    assert (await bob.get(answer.location)).status == 200
    # Again it uses nothing.
    assert (await bob.post(path)).status == 303
    [listed] = (await alice.get(f"/api/v1/rooms/{room}/invites")).json["invites"]
    assert (listed["uses"], listed["state"]) == (1, "good")
    assert "token" not in listed


async def test_a_link_lets_in_as_many_as_it_may_also_all_at_once(site: Site) -> None:
    alice = await site.script("alice")
    room = await private_room(site, alice)
    made = await invite(alice, room, uses=2)
    guests = [await site.script(f"guest{number}") for number in range(5)]
    link = f"/api/v1/invites/{made['token']}"
    answers = await asyncio.gather(*[guest.send("POST", link) for guest in guests])
    assert sorted(answer.status for answer in answers) == [200, 200, 410, 410, 410]
    found = await alice.get(f"/api/v1/rooms/{room}/members")
    assert found.json["members"] == 3
    assert (await guests[0].get(link)).code == "invite_over"


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("expired", "This invitation has expired."),
        ("used_up", "This invitation was used as often as it may be."),
        ("revoked", "This invitation was revoked."),
        ("unknown", "This invitation is not valid."),
        ("deleted", "This invitation is not valid."),
    ],
)
async def test_a_link_that_is_over_says_why_and_lets_nobody_in(
    site: Site, why: str, words: str
) -> None:
    alice, bob = await site.script("alice"), await site.browser("bob")
    room = await private_room(site, alice)
    made = await invite(alice, room, uses=1, expires="hour")
    if why == "expired":
        await shift(site, -3_600_001)
    elif why == "used_up":
        carol = await site.script("carol")
        assert (await carol.send("POST", f"/api/v1/invites/{made['token']}")).status == 200
    elif why == "revoked":
        await alice.send("DELETE", f"/api/v1/rooms/{room}/invites/{made['id']}")
    elif why == "deleted":
        await alice.send("DELETE", f"/api/v1/rooms/{room}")
    token = "nonsense" if why == "unknown" else made["token"]
    for answer in (await bob.get(f"/join/{token}"), await bob.post(f"/join/{token}")):
        assert answer.status in {404, 410}
        assert words in answer.text
    assert (await bob.get(f"/chatrooms/chat/{room}")).status == 404


async def test_who_is_banned_stays_out_and_uses_nothing(site: Site) -> None:
    alice, mallory = await site.script("alice"), await site.script("mallory")
    room = await private_room(site, alice)
    made = await invite(alice, room, uses=1)
    user = (await mallory.get("/api/v1/me")).json["id"]
    assert (await alice.send("PUT", f"/api/v1/rooms/{room}/bans/{user}")).status == 200
    link = f"/api/v1/invites/{made['token']}"
    assert (await mallory.send("POST", link)).code == "room_not_found"
    [listed] = (await alice.get(f"/api/v1/rooms/{room}/invites")).json["invites"]
    assert listed["uses"] == 0


async def test_only_who_moderates_makes_lists_and_revokes_links(site: Site) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    room = await private_room(site, alice)
    made = await invite(alice, room)
    assert (await bob.send("POST", f"/api/v1/invites/{made['token']}")).status == 200
    at = f"/api/v1/rooms/{room}/invites"
    for answer in (
        await bob.get(at),
        await bob.send("POST", at, {}),
        await bob.send("DELETE", f"{at}/{made['id']}"),
    ):
        assert answer.code == "forbidden"
    other = await site.room(bob, "shed")
    elsewhere = await bob.send("DELETE", f"/api/v1/rooms/{other}/invites/{made['id']}")
    assert elsewhere.code == "invite_invalid"


async def test_the_token_is_nowhere_in_the_database(site: Site) -> None:
    alice = await site.script("alice")
    room = await private_room(site, alice)
    _, token = await Invites(site.deps.pool).create(room, User("alice", "Alice"), None, None)
    async with site.deps.pool.connection() as connection:
        rows = await connection.fetch("SELECT invites::text AS row FROM invites")
    assert rows
    assert all(token not in row["row"] for row in rows)


async def test_a_link_is_made_and_revoked_by_forms(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice, "attic", visibility="private")
    at = f"/chatrooms/settings/{room}"
    await alice.get(at)
    page = await alice.post(f"{at}/invites", {"expires": "day", "uses": "3"})
    assert f'value="{site.base}/join/' in page.text
    assert " / 3" in page.text
    [invitation] = await site.deps.invites.of_room(room, 10)
    answer = await alice.post(f"{at}/invites/{invitation.id}/revoke")
    assert answer.status == 303, answer.text
    assert await site.deps.invites.of_room(room, 10) == []
    assert (await alice.post(f"{at}/invites", {"expires": "day", "uses": "0"})).status == 400
