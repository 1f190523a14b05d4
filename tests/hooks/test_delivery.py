from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from server.domain import events
from server.domain.files import File
from server.domain.ids import BOT_PREFIX
from server.domain.positions import START, Position
from server.domain.records import row_of
from server.domain.rooms import User
from server.hooks.delivery import BATCH, FIRST_WAIT_MS, LONGEST_WAIT_MS, Deliveries, wait_ms
from server.runtime.settings import Settings
from server.storage.messages import Messages
from server.storage.outgoing_hooks import OutgoingHook, OutgoingHooks
from server.storage.pool import Pool, open_pool
from server.storage.rooms import Rooms
from tests.helpers import wait_until
from tests.hooks.receiver import Receiver, open_receiver
from tests.storage.cast import ALICE, BOB, EPOCH, came, live, said

SECRET = "a secret of the receiver"


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[Pool]:
    async with open_pool(settings) as pool:
        yield pool


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with open_receiver() as opened:
        yield opened


@pytest.fixture
async def kitchen(pool: Pool) -> str:
    return (await Rooms(pool).create("Kitchen", ALICE)).id


@asynccontextmanager
async def delivering(pool: Pool, settings: Settings, **overrides: object) -> AsyncIterator[None]:
    allowed = settings.model_copy(update={"hooks_private": True, **overrides})
    running = asyncio.create_task(Deliveries(pool, allowed).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def make(pool: Pool, room: str, url: str) -> OutgoingHook:
    hooks = OutgoingHooks(pool)
    await hooks.create(room, "Archive", url, SECRET, ALICE.id, START)
    return (await hooks.of_room(room))[0]


async def look(pool: Pool, room: str) -> OutgoingHook:
    return (await OutgoingHooks(pool).of_room(room))[0]


async def hurry(pool: Pool, room: str) -> None:
    """Let the wait after a failure be over."""
    async with pool.connection() as connection:
        await connection.execute("UPDATE outgoing_hooks SET next_at = 0 WHERE room_id = $1", room)


async def test_every_message_is_posted_in_order_and_signed(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str
) -> None:
    hook = await make(pool, kitchen, receiver.url)
    texts = [f"text {n}" for n in range(2, BATCH + 10)]
    rows = [said(kitchen, n, f"text {n}") for n in range(2, BATCH + 10)]
    await Messages(pool).insert([came(kitchen, 1), *rows])
    async with delivering(pool, settings):
        await wait_until(lambda: len(receiver.heard) >= len(texts), timeout=60)
        await Messages(pool).insert([said(kitchen, 1000, "later")])
        await wait_until(lambda: receiver.texts[-1] == "later", timeout=60)
    assert receiver.texts == [*texts, "later"]
    headers, body = receiver.heard[0]
    stamp = headers["X-Beseda-Timestamp"]
    mac = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Beseda-Signature"] == f"sha256={mac}"
    first = receiver.bodies[0]
    assert first["id"] == headers["X-Beseda-Delivery"]
    assert first["room"] == {"id": kitchen, "name": "Kitchen"}
    assert first["message"]["user"] == {"id": "alice", "name": "Alice"}
    assert first["message"]["cid"] == "c2"
    assert len({each["id"] for each in receiver.bodies}) == len(texts) + 1
    assert (await look(pool, kitchen)).delivered_at is not None
    assert hook.delivered_at is None


async def test_a_failure_waits_and_loses_nothing(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str
) -> None:
    await make(pool, kitchen, receiver.url)
    receiver.answers = [204, 500]
    await Messages(pool).insert([said(kitchen, n, f"text {n}") for n in (1, 2, 3)])

    async def failing() -> bool:
        return (await look(pool, kitchen)).failures == 1

    async with delivering(pool, settings):
        await wait_until(failing, timeout=30)
        assert (await look(pool, kitchen)).last_error == "HTTP 500"
        await hurry(pool, kitchen)
        await wait_until(lambda: len(receiver.heard) == 4, timeout=30)
    assert receiver.texts == ["text 1", "text 2", "text 2", "text 3"]
    assert receiver.bodies[1]["id"] == receiver.bodies[2]["id"]


@pytest.mark.parametrize("status", [301, 302, 400, 404, 500])
async def test_only_a_success_counts_and_redirects_are_not_followed(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str, status: int
) -> None:
    await make(pool, kitchen, receiver.url)
    receiver.status = status
    await Messages(pool).insert([said(kitchen, 1)])

    async def failing() -> bool:
        return (await look(pool, kitchen)).last_error == f"HTTP {status}"

    async with delivering(pool, settings):
        await wait_until(failing, timeout=30)
    assert len(receiver.heard) == 1
    found = await look(pool, kitchen)
    assert (found.dead_at, found.position) == (None, START)


async def test_a_hook_that_fails_for_days_is_given_up_until_it_is_revived(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str
) -> None:
    hook = await make(pool, kitchen, receiver.url)
    receiver.status = 503
    await Messages(pool).insert([said(kitchen, 1, "kept")])

    async def dead() -> bool:
        await hurry(pool, kitchen)
        return (await look(pool, kitchen)).dead_at is not None

    async with delivering(pool, settings, hooks_days=0.000001):
        await wait_until(dead, timeout=60, interval=0.1)
        attempts = len(receiver.heard)
        assert attempts >= 2
        receiver.status = 200
        assert await OutgoingHooks(pool).revive(hook.id, kitchen)
        await wait_until(lambda: len(receiver.heard) > attempts, timeout=30)
    assert receiver.texts[-1] == "kept"


async def test_a_receiver_that_has_gone_is_given_up_at_once(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str
) -> None:
    await make(pool, kitchen, receiver.url)
    receiver.status = 410
    await Messages(pool).insert([said(kitchen, 1)])

    async def dead() -> bool:
        return (await look(pool, kitchen)).dead_at is not None

    async with delivering(pool, settings):
        await wait_until(dead, timeout=30)
    assert len(receiver.heard) == 1


async def test_a_private_address_is_refused_unless_it_is_allowed(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str
) -> None:
    await make(pool, kitchen, receiver.url)
    await Messages(pool).insert([said(kitchen, 1)])

    async def failing() -> bool:
        return (await look(pool, kitchen)).last_error == "the address is not a public one"

    async with delivering(pool, settings, hooks_private=False):
        await wait_until(failing, timeout=30)
    assert receiver.heard == []


async def test_a_receiver_that_is_silent_holds_up_nobody_else(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str
) -> None:
    receiver.waits = asyncio.Event()
    await make(pool, kitchen, receiver.url)
    cellar = (await Rooms(pool).create("Cellar", BOB)).id
    async with open_receiver() as quick:
        await make(pool, cellar, quick.url)
        await Messages(pool).insert([said(kitchen, 1)])

        async def failing() -> bool:
            return (await look(pool, kitchen)).last_error == "no answer within 2 s"

        async with delivering(pool, settings, hooks_timeout_s=2):
            await wait_until(lambda: len(receiver.heard) == 1, timeout=30)
            await Messages(pool).insert([said(cellar, 1, "meanwhile")])
            await wait_until(lambda: quick.texts == ["meanwhile"], timeout=30)
            await wait_until(failing, timeout=30)


async def test_hooks_do_not_hear_bots_and_deleted_messages(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str
) -> None:
    await make(pool, kitchen, receiver.url)
    robot = User(f"{BOT_PREFIX}robot", "Robot")
    await Messages(pool).insert(
        [said(kitchen, 1, "beep", user=robot), said(kitchen, 2, "gone"), said(kitchen, 3, "hello")]
    )
    async with pool.connection() as connection:
        await connection.execute("UPDATE messages SET text = '' WHERE seq = 2")
    async with delivering(pool, settings):
        await wait_until(lambda: len(receiver.heard) == 1, timeout=30)
    assert receiver.texts == ["hello"]


async def test_a_message_of_nothing_but_files_is_delivered_with_their_addresses(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str
) -> None:
    await make(pool, kitchen, receiver.url)
    boat = File("f1", "my boat.jpg", "image/jpeg", 10, 4, 3)
    sent = events.message(kitchen, ALICE, "c1", "", Position(EPOCH, 1), (boat,))
    await Messages(pool).insert([row_of("m", live(sent, 1)), said(kitchen, 2, "see?")])
    async with delivering(pool, settings, public_url="https://chat.example.org"):
        await wait_until(lambda: receiver.texts == ["", "see?"], timeout=30)
    url = "https://chat.example.org/files/f1/my%20boat.jpg"
    assert receiver.bodies[0]["message"]["files"] == [{**boat.describe(), "url": url}]
    assert "files" not in receiver.bodies[1]["message"]


async def test_two_processes_share_the_hooks_and_deliver_once(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str
) -> None:
    await make(pool, kitchen, receiver.url)
    rows = [said(kitchen, n, f"text {n}") for n in range(1, 31)]
    async with delivering(pool, settings), delivering(pool, settings):
        await Messages(pool).insert(rows[:15])
        await wait_until(lambda: len(receiver.heard) >= 15, timeout=30)
        await Messages(pool).insert(rows[15:])
        await wait_until(lambda: len(receiver.heard) >= 30, timeout=30)
    assert receiver.texts == [f"text {n}" for n in range(1, 31)]


async def test_a_lease_that_was_lost_moves_nothing(
    pool: Pool, receiver: Receiver, kitchen: str
) -> None:
    hook = await make(pool, kitchen, receiver.url)
    await Messages(pool).insert([said(kitchen, 1)])
    hooks = OutgoingHooks(pool)
    (claimed,) = await hooks.claim("first", 60, 10)
    assert await hooks.claim("second", 60, 10) == []
    async with pool.connection() as connection:
        await connection.execute("UPDATE outgoing_hooks SET leased_until = 0")
    assert len(await hooks.claim("second", 60, 10)) == 1
    assert not await hooks.advance(hook.id, "first", claimed.end, delivered=True)
    assert await hooks.advance(hook.id, "second", claimed.end, delivered=True)
    assert await hooks.claim("third", 0, 10) == []


async def test_what_could_not_be_saved_is_stepped_over(
    pool: Pool, settings: Settings, receiver: Receiver, kitchen: str
) -> None:
    await make(pool, kitchen, receiver.url)
    await Messages(pool).insert([said(kitchen, 1)])
    async with pool.connection() as connection:
        await connection.execute("UPDATE chatrooms SET last_seq = 9 WHERE id = $1", kitchen)

    async def at_the_end() -> bool:
        return (await look(pool, kitchen)).position.seq == 9

    async with delivering(pool, settings):
        await wait_until(at_the_end, timeout=30)
    assert len(receiver.heard) == 1


def test_waits_grow_to_an_hour_and_differ() -> None:
    assert 0.7 * FIRST_WAIT_MS < wait_ms(0) < 1.3 * FIRST_WAIT_MS
    assert 0.7 * LONGEST_WAIT_MS < wait_ms(10_000) < 1.3 * LONGEST_WAIT_MS
    assert len({wait_ms(3) for _ in range(20)}) > 1
