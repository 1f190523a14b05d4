from __future__ import annotations

import re
from typing import Any

import pytest

from server.runtime import logs
from tests.website.site import Answer, Site, Visitor


async def hook(site: Site, owner: Visitor, room: str, bot: str = "Robot") -> str:
    """Make an incoming hook in the page; give the path of its address."""
    await owner.get(f"/rooms/{room}/hooks")
    fields = {"name": "Build", "bot_name": bot}
    made = await owner.post(f"/rooms/{room}/hooks/incoming", fields)
    assert made.status == 201, made.text
    found = re.findall(r'value="(http://[^"]+/hooks/[^"]+)"', made.text)
    assert found, made.text
    assert found[0] not in (await owner.get(f"/rooms/{room}/hooks")).text
    return str(found[0].removeprefix(site.base))


async def call(site: Site, path: str, payload: Any, **headers: str) -> Answer:
    return await site.visitor().send("POST", path, payload, headers=headers)


async def said(owner: Visitor, room: str) -> list[tuple[str, str]]:
    """Give the messages of a room: who, and what."""
    page = await owner.get(f"/api/v1/rooms/{room}/messages", headers={"Accept": "application/json"})
    events = [each for each in page.json["events"] if each["ev"] == "message"]
    return [(each["user"]["name"], each["text"]) for each in events]


@pytest.mark.parametrize("visibility", ["public", "private"])
async def test_a_service_speaks_into_a_room_as_its_bot(site: Site, visibility: str) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice, visibility=visibility)
    await alice.get(f"/chatrooms/chat/{room}")  # now Redis has the room, and knows no bot
    path = await hook(site, alice, room)
    answer = await call(site, path, {"text": "build <https://example.org/7|seven> failed"})
    assert (answer.status, answer.text) == (200, "ok")
    named = await call(site, path, {"text": "again", "username": "Nightly", "icon_emoji": ":x:"})
    assert named.text == "ok"
    form = await site.visitor().post(path, {"payload": '{"text": "by form"}'})
    assert form.text == "ok"
    assert await said(alice, room) == [
        ("Robot", "build seven (https://example.org/7) failed"),
        ("Nightly", "again"),
        ("Robot", "by form"),
    ]
    page = await alice.get(f"/api/v1/rooms/{room}/messages", headers=site.token(alice))
    assert page.json["events"][-1]["user"]["id"].startswith("bot-")
    assert not [each for each in page.json["events"] if each["ev"] == "joined"]


async def test_a_hook_works_in_a_room_that_redis_does_not_have(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice, visibility="private")
    path = await hook(site, alice, room)
    assert (await call(site, path, {"text": "first words"})).text == "ok"
    assert await said(alice, room) == [("Robot", "first words")]


async def test_the_same_key_again_is_the_same_message(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    path = await hook(site, alice, room)
    for key in ("c1", "alert 7 / disk"):
        for _ in range(3):
            answer = await call(site, path, {"text": key}, **{"Idempotency-Key": key})
            assert answer.text == "ok"
    for _ in range(2):
        assert (await call(site, path, {"text": "by field", "cid": "c9"})).text == "ok"
    assert [text for _, text in await said(alice, room)] == ["c1", "alert 7 / disk", "by field"]


async def test_a_key_is_known_after_redis_forgot_it(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    path = await hook(site, alice, room)
    bot = (await site.deps.incoming_hooks.of_room(room))[0].bot
    async with site.deps.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO messages (room_id, epoch, seq, kind, at, user_id, user_name, cid, text)"
            " VALUES ($1, 1, 1, 'm', 1, $2, 'Robot', 'c1', 'old')",
            room,
            bot.id,
        )
    assert (await call(site, path, {"text": "old", "cid": "c1"})).text == "ok"
    assert ("Robot", "old") not in (await said(alice, room))[1:]
    assert len(await said(alice, room)) <= 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "invalid_payload"),
        (b"[]", "invalid_payload"),
        (b'{"text": ""}', "no_text"),
        (b"{}", "no_text"),
        (b'{"text": "a\\u0000b"}', "invalid_text"),
        (b'{"text": "a", "cid": 7}', "invalid_payload"),
        (b'{"text": "a", "username": "a\\u202eb"}', "invalid_name"),
    ],
)
async def test_a_payload_that_says_nothing_is_told_so(site: Site, body: bytes, words: str) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    path = await hook(site, alice, room)
    answer = await site.visitor().ask("POST", path, data=body)
    assert (answer.status, answer.text) == (400, words)
    assert await said(alice, room) == []


async def test_a_text_that_is_too_long_is_cut(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    path = await hook(site, alice, room)
    assert (await call(site, path, {"text": "x" * 5000})).text == "ok"
    ((_, text),) = await said(alice, room)
    assert text == "x" * (site.settings.text_chars - 1) + "…"


async def test_a_wrong_or_revoked_address_is_no_service(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    path = await hook(site, alice, room)
    head, _, secret = path.rpartition("/")
    for wrong in (f"{head}/x{secret[1:]}", f"/hooks/neverexisted0000/{secret}"):
        answer = await call(site, wrong, {"text": "hi"})
        assert (answer.status, answer.text) == (404, "no_service")
    page = await alice.get(f"/rooms/{room}/hooks")
    action = re.findall(r'action="(/rooms/\w+/hooks/incoming/\w+/revoke)"', page.text)[0]
    assert (await alice.post(action)).location == f"/rooms/{room}/hooks?changed=revoked"
    answer = await call(site, path, {"text": "hi"})
    assert (answer.status, answer.text) == (404, "no_service")
    assert (await alice.post(action)).status == 404
    assert await said(alice, room) == []


async def test_the_address_of_a_deleted_room_says_so(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    path = await hook(site, alice, room)
    await alice.post(f"/chatrooms/delete/{room}")
    answer = await call(site, path, {"text": "hi"})
    assert (answer.status, answer.text) == (410, "channel_is_archived")


async def test_a_hook_that_speaks_too_fast_is_slowed_down(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    path = await hook(site, alice, room)
    program = site.visitor()
    burst = int(site.settings.send_burst + 20 * site.settings.send_rate)
    for _ in range(burst):
        answer = await program.send("POST", path, {"text": "flood"})
        if answer.status != 200:
            break
    assert (answer.status, answer.text) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) >= 1


async def test_only_the_owner_sees_and_makes_hooks(site: Site) -> None:
    alice, bob = await site.browser("alice"), await site.browser("bob")
    room = await site.room(alice)
    private = await site.room(alice, "cellar", visibility="private")
    await hook(site, alice, room)
    await bob.get("/profile/")
    fields = {"name": "Spy", "bot_name": "Alice"}
    assert (await bob.get(f"/rooms/{room}/hooks")).status == 403
    assert (await bob.post(f"/rooms/{room}/hooks/incoming", fields)).status == 403
    assert (await bob.get(f"/rooms/{private}/hooks")).status == 404
    (made,) = await site.deps.incoming_hooks.of_room(room)
    assert (await bob.post(f"/rooms/{room}/hooks/incoming/{made.id}/revoke")).status == 403
    his = await site.room(bob, "attic")
    assert (await bob.post(f"/rooms/{his}/hooks/incoming/{made.id}/revoke")).status == 404
    assert len(await site.deps.incoming_hooks.of_room(room)) == 1
    assert f"/rooms/{room}/hooks" in (await alice.get(f"/chatrooms/chat/{room}")).text
    assert f"/rooms/{room}/hooks" not in (await bob.get(f"/chatrooms/chat/{room}")).text


async def test_nobody_logs_in_as_a_bot(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    await hook(site, alice, room)
    async with site.deps.pool.connection() as connection:
        email = await connection.fetchval("SELECT email FROM users WHERE kind = 'bot'")
    for password in ("", "teapot-9-harbour"):
        form = {"username": email, "password": password}
        answer = await site.visitor().post("/token", form)
        assert (answer.status, answer.code) == (401, "wrong_credentials")


async def test_the_secret_of_an_address_is_stored_as_a_hash_and_kept_out_of_logs(
    site: Site,
) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    path = await hook(site, alice, room)
    secret = path.rpartition("/")[2]
    async with site.deps.pool.connection() as connection:
        rows = await connection.fetch("SELECT to_jsonb(incoming_hooks)::text FROM incoming_hooks")
    assert rows
    assert secret not in rows[0][0]
    # What the log replaces wherever it finds it; a path is written with every request.
    assert any(pattern.search(path) for pattern in logs._PATTERNS)
