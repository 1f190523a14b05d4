"""A notifier on a real database, before a push service on this machine."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from server.auth.vapid import Vapid
from server.domain.events import Kind
from server.domain.records import Row
from server.domain.rooms import Room
from server.push.notifier import Notifier
from server.push.sender import Sender
from server.runtime.settings import Settings
from server.runtime.supervise import Tasks
from server.storage.notices import Notices
from server.storage.pool import Pool, open_pool
from server.storage.rooms import Rooms
from server.storage.sessions import Sessions
from server.storage.users import Account, Users
from tests.push.service import Browser, PushService, padless

KEY = padless(bytes([1]) + bytes(31))


@dataclass
class World:
    """Alice owns the kitchen, where bob talks."""

    pool: Pool
    notices: Notices
    notifier: Notifier
    sender: Sender
    service: PushService
    alice: Account
    bob: Account
    room: Room
    sessions: dict[str, str] = field(default_factory=dict)
    seq: int = 10

    async def device(self, person: Account, name: str) -> Browser:
        """Let a person log in on a device that gets push messages."""
        browser = self.service.browser(name)
        session = await Sessions(self.pool).create(
            person.id, secrets.token_hex(32), "", "", int((time.time() + 3600) * 1000)
        )
        self.sessions[name] = session
        await self.notices.subscribe(person.id, browser.device(session))
        return browser

    def say(self, text: str, by: Account | None = None) -> Row:
        """Tell the notifier of a saved message, by bob unless somebody else."""
        self.seq += 1
        who = by or self.bob
        now = int(time.time() * 1000)
        cid = f"c{self.seq}"
        row = Row(self.room.id, 1, self.seq, Kind.MESSAGE, now, who.id, who.name, cid, text, None)
        self.notifier.offer([row])
        return row

    async def read(self, person: Account, upto: int) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(
                "UPDATE memberships SET read_epoch = 1, read_seq = $3 "
                "WHERE room_id = $1 AND user_id = $2",
                self.room.id,
                person.id,
                upto,
            )


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(
        vapid_private_key=KEY,
        vapid_subject="mailto:alice@example.org",
        push_private=True,
        push_wait_s=0.0,
    )


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with PushService() as running:
        yield running


@pytest.fixture
async def world(
    settings: Settings, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setattr("server.push.sender.PAUSE_S", 0.01)
    async with open_pool(settings) as pool, Tasks() as tasks:
        users, notices = Users(pool), Notices(pool)
        alice = await users.create("alice@example.org", "Alice", "x", "en")
        bob = await users.create("bob@example.org", "Bob", "x", "en")
        room = await Rooms(pool).create("Kitchen", alice.user)
        sender = Sender(settings, Vapid(KEY, settings.push_subject), notices)
        notifier = Notifier(settings, notices, sender)
        tasks.start("sender", sender.run)
        tasks.start("notifier", notifier.run)
        yield World(pool, notices, notifier, sender, service, alice, bob, room)
