"""How many unread messages mention a person: by positions, so that no number stays behind."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from server.domain.notices import mentions
from tests.archive.conftest import save
from tests.conftest import MakeSettings
from tests.website.site import Site, Visitor, open_site
from tests.website.test_changes import change, say

TEXTS = ("Tea?", "@Bob look", "mail b@Bobby.org", "@bob, @bob!", "@Alice no", "@nobody")


@pytest.fixture
async def site(make_settings: MakeSettings) -> AsyncIterator[Site]:
    """A website where one may talk as fast as a test does."""
    async with open_site(make_settings(send_rate=0)) as opened:
        yield opened


async def mentioned(visitor: Visitor) -> int:
    (room,) = (await visitor.get("/api/v1/rooms?mine=true")).json["rooms"]
    found: int = room["mentions"]
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_every_device_counts_as_one_who_looks_at_each_message(site: Site, seed: int) -> None:
    dice = random.Random(seed)
    alice, bob = await site.script("alice"), await site.script("bob")
    phone = await site.script("bob", new=False)
    room = await site.room(alice)
    assert (await bob.get(f"/chatrooms/chat/{room}")).status == 200
    said: list[tuple[str, str]] = []
    read = 0
    for number in range(25):
        deed = dice.random()
        if said and deed < 0.2:
            upto = dice.randrange(len(said))
            epoch, seq = map(int, said[upto][0].split("-"))
            where = f"/api/v1/rooms/{room}/read"
            device = dice.choice([bob, phone])
            answer = await device.send("PUT", where, {"epoch": epoch, "seq": seq})
            assert answer.status == 200, answer.text
            read = max(read, upto + 1)
        elif said and deed < 0.3:
            gone = dice.randrange(len(said))
            await change(alice, room, said[gone][0], "delete")
            said[gone] = (said[gone][0], "")
        else:
            text = dice.choice(TEXTS)
            said.append((await say(alice, room, text, f"c{number}"), text))
        if dice.random() < 0.3:
            await save(site.deps.client, site.deps.pool, room)
        want = sum(mentions(text, "Bob") for _, text in said[read:])
        assert await mentioned(bob) == await mentioned(phone) == want
    assert await mentioned(alice) == 0
