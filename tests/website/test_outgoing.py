from __future__ import annotations

import re

import pytest

from server.domain.positions import Position
from tests.website.site import Site, Visitor


async def make(owner: Visitor, room: str, url: str = "https://example.org/in") -> tuple[int, str]:
    await owner.get(f"/rooms/{room}/hooks")
    fields = {"out_name": "Archive", "url": url}
    answer = await owner.post(f"/rooms/{room}/hooks/outgoing", fields)
    return answer.status, answer.text


async def test_a_hook_shows_its_secret_once_and_hears_only_what_comes_after(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    await alice.get(f"/chatrooms/chat/{room}")
    said = {"cid": "c1", "text": "before"}
    token = site.token(alice)
    posted = await alice.send("POST", f"/api/v1/rooms/{room}/messages", said, headers=token)
    status, page = await make(alice, room)
    assert status == 201
    (hook,) = await site.deps.outgoing_hooks.of_room(room)
    assert hook.position == Position(posted.json["epoch"], posted.json["seq"])
    assert re.findall(r'id="shown"[^>]*value="([^"]+)"', page) == [hook.secret]
    again = (await alice.get(f"/rooms/{room}/hooks")).text
    assert hook.secret not in again
    assert "https://example.org/in" in again
    assert hook.secret not in repr(hook)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "example.org/in",
            "ftp://example.org/",
            "https://",
            "https://a b/",
            "javascript:alert(1)",
        ),
        *("https://alice:secret@example.org/", "https://example.org:99999/", "https://пример.рф/"),
        "https://example.org/" + "x" * 1000,
    ],
)
async def test_an_address_that_cannot_be_asked_is_refused(site: Site, url: str) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    status, page = await make(alice, room, url)
    assert status == 400
    assert "The address must look like" in page
    assert await site.deps.outgoing_hooks.of_room(room) == []


async def test_the_page_shows_what_fails_tries_again_and_removes(site: Site) -> None:
    alice, bob = await site.browser("alice"), await site.browser("bob")
    room = await site.room(alice)
    await make(alice, room)
    (hook,) = await site.deps.outgoing_hooks.of_room(room)
    async with site.deps.pool.connection() as connection:
        await connection.execute(
            "UPDATE outgoing_hooks SET failing_since = 1, dead_at = 2, last_error = 'HTTP 500'"
        )
    page = await alice.get(f"/rooms/{room}/hooks")
    assert "given up" in page.text
    assert "HTTP 500" in page.text
    at = f"/rooms/{room}/hooks/outgoing/{hook.id}"
    assert (await bob.post(f"{at}/again")).status == 403
    assert (await bob.post(f"{at}/remove")).status == 403
    assert (await alice.post(f"{at}/again")).location == f"/rooms/{room}/hooks?changed=again"
    (hook,) = await site.deps.outgoing_hooks.of_room(room)
    assert (hook.dead_at, hook.failing_since) == (None, None)
    assert (await alice.post(f"{at}/remove")).location == f"/rooms/{room}/hooks?changed=removed"
    assert await site.deps.outgoing_hooks.of_room(room) == []
    assert (await alice.post(f"{at}/remove")).status == 404
    assert (await alice.post(f"{at}/again")).status == 404


async def test_a_room_has_a_bounded_number_of_hooks(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.storage.outgoing_hooks.HOOKS_PER_ROOM", 1)
    monkeypatch.setattr("server.storage.incoming_hooks.HOOKS_PER_ROOM", 1)
    alice = await site.browser("alice")
    room = await site.room(alice)
    assert [(await make(alice, room))[0] for _ in range(2)] == [201, 400]
    fields = {"name": "Build", "bot_name": "Robot"}
    answers = [await alice.post(f"/rooms/{room}/hooks/incoming", fields) for _ in range(2)]
    assert [each.status for each in answers] == [201, 400]
    assert "as many webhooks as it may" in answers[1].text
