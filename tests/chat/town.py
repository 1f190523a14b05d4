"""A small town for tests: people with log-ins, rooms, chat replicas, and sockets to them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web

from server.archive.archive import Archive
from server.auth.identity import Identities, hash_secret, new_secret
from server.auth.tokens import Tokens
from server.chat.app import Chat, setup_chat
from server.chat.deps import ChatDeps
from server.domain.ids import new_id
from server.domain.rooms import User, Visibility
from server.runtime.settings import Settings
from server.state.client import RedisClient, open_redis
from server.state.sessions import SessionCache
from server.storage.messages import Messages
from server.storage.pool import Pool, open_pool
from server.storage.rooms import Rooms
from server.storage.sessions import Sessions
from server.storage.users import Users
from tests.helpers import wait_until

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Person:
    """Somebody who is logged in."""

    user: User
    token: str
    secret: str
    session_id: str
    session_hash: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"session={self.secret}"}


@dataclass
class Talker:
    """A client on a socket: reads all the time, sorts answers from events."""

    ws: ClientWebSocketResponse
    events: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str | None, dict[str, Any]] = field(default_factory=dict)
    order: list[dict[str, Any]] = field(default_factory=list)
    numbers: Callable[[], int] = field(default_factory=lambda: itertools.count(1).__next__)

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()
        self.reader = asyncio.create_task(self._read())

    @property
    def transport(self) -> Any:
        """The connection below, to misbehave with."""
        connection = self.ws._response.connection
        assert connection is not None
        return connection.transport

    async def _read(self) -> None:
        async for message in self.ws:
            assert message.type is WSMsgType.TEXT, message
            frame = orjson.loads(message.data)
            self.order.append(frame)
            if "re" in frame:
                self.answers[frame["re"]] = frame
            else:
                self.events.append(frame)
            self._changed.set()
        self._changed.set()

    async def until(self, predicate: Callable[[], Any], timeout: float = 8.0) -> Any:
        """Wait until a predicate over what came is true; give its value."""
        try:
            async with asyncio.timeout(timeout):
                while not (found := predicate()):
                    if self.reader.done():
                        # What is left to say was said.
                        found = predicate()
                        assert found, f"the socket closed with {self.ws.close_code}"
                        return found
                    self._changed.clear()
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"never came; last: {self.order[-5:]}") from None

    async def submit(self, op: str, **fields: Any) -> str:
        """Send an op without waiting; returns its id."""
        re = f"t{self.numbers()}"
        await self.ws.send_str(orjson.dumps({"op": op, "id": re, **fields}).decode())
        return re

    async def answer(self, re: str | None) -> dict[str, Any]:
        """Wait for the answer to an id."""
        found: dict[str, Any] = await self.until(lambda: self.answers.get(re))
        return found

    async def ask(self, op: str, **fields: Any) -> Any:
        """Send an op; returns what its ``ok`` says."""
        frame = await self.answer(await self.submit(op, **fields))
        assert "ok" in frame, frame
        return frame["ok"]

    async def refused(self, op: str, **fields: Any) -> str:
        """Send an op that must be refused; returns the code."""
        frame = await self.answer(await self.submit(op, **fields))
        assert "err" in frame, frame
        code: str = frame["err"]["code"]
        return code

    async def say(self, room: str, text: str, cid: str | None = None) -> Any:
        """Send a message; returns the answer's ``ok``."""
        return await self.ask("send", room=room, cid=cid or new_id(), text=text)

    async def event(self, ev: str, **fields: Any) -> dict[str, Any]:
        """Wait for an event with these fields."""

        def find() -> dict[str, Any] | None:
            for event in self.events:
                if event["ev"] == ev and fields.items() <= event.items():
                    return event
            return None

        found: dict[str, Any] = await self.until(find)
        return found

    def texts(self, room: str) -> list[str]:
        """The messages of a room, in the order in which they came."""
        return [e["text"] for e in self.events if e["ev"] == "message" and e["room"] == room]

    async def heard(self, room: str, count: int, timeout: float = 8.0) -> list[str]:
        """Wait until ``count`` messages of a room came; returns them all."""
        await self.until(lambda: len(self.texts(room)) >= count, timeout)
        return self.texts(room)

    def seqs(self, room: str) -> list[int]:
        """The places of all positioned events of a room, in the order in which they came."""
        return [e["seq"] for e in self.events if "at" in e and e["room"] == room]

    async def closed(self, timeout: float = 8.0) -> int | None:
        """Wait for the end of the socket; returns the close code."""
        await asyncio.wait_for(asyncio.shield(self.reader), timeout)
        return self.ws.close_code


@dataclass
class Replica:
    """A chat replica of its own: own Redis connections, own port."""

    town: Town
    chat: Chat
    client: RedisClient
    url: str
    stop: Callable[[], Any]

    async def connect(
        self, person: Person, room: str | None = None, at: tuple[int, int] | None = None
    ) -> Talker:
        """Open a socket with the person's token; wait for the greeting."""
        address = f"{self.url}/ws/{room}" if room else f"{self.url}/ws"
        query = {"epoch": str(at[0]), "seq": str(at[1])} if at else {}
        ws = await self.town.http.ws_connect(
            address, headers=person.bearer, params=query, max_msg_size=0
        )
        talker = Talker(ws)
        self.town.talkers.append(talker)
        await talker.event("hello")
        return talker

    async def enter(
        self, person: Person, room: str, at: tuple[int, int] | None = None
    ) -> tuple[Talker, dict[str, Any]]:
        """Open a socket to one room; returns it with the answer of the implied subscribe."""
        talker = await self.connect(person, room, at)
        return talker, (await talker.answer("subscribe"))["ok"]


class Town:
    """Everything of one test, closed in the end."""

    def __init__(self, stack: AsyncExitStack, settings: Settings, http: ClientSession) -> None:
        self._stack = stack
        self.settings = settings
        self.http = http
        self.talkers: list[Talker] = []
        self.pool: Pool
        self.client: RedisClient
        self.archive: Archive
        self.tokens = Tokens(settings)

    async def person(self, name: str) -> Person:
        """Register somebody and log him in."""
        account = await Users(self.pool).create(f"{name}@example.org", name.title(), "-", "en")
        return await self.log_in(account.user)

    async def log_in(self, user: User) -> Person:
        """Start another session of a person."""
        secret = new_secret()
        session_hash = hash_secret(secret)
        session_id = await Sessions(self.pool).create(
            user.id, session_hash, "test", "127.0.0.1", int(time.time() * 1000) + DAY_MS
        )
        token = self.tokens.issue(user.id, session_hash)
        return Person(user, token, secret, session_id, session_hash)

    async def room(self, owner: Person, name: str = "kitchen", *, private: bool = False) -> str:
        """Create a room."""
        visibility = Visibility.PRIVATE if private else Visibility.PUBLIC
        return (await Rooms(self.pool).create(name, owner.user, visibility)).id

    async def replica(self, **overrides: Any) -> Replica:
        """Start another replica."""
        settings = self.settings.model_copy(update=overrides)
        client = await self._stack.enter_async_context(open_redis(settings))
        sessions = Sessions(self.pool)
        identities = Identities(
            settings, self.tokens, SessionCache(client), sessions.by_hash, sessions.touch
        )
        client.remember_by(Messages(self.pool).begin_reigns)
        archive = Archive(client, self.pool, settings)
        app = web.Application()
        chat = setup_chat(app, ChatDeps(settings, client, archive, identities, new_id()))
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        await wait_until(lambda: chat.feed.healthy, description="the feed is healthy")
        return Replica(self, chat, client, f"http://{host}:{port}", runner.cleanup)


@asynccontextmanager
async def open_town(settings: Settings) -> AsyncIterator[Town]:
    """Open the connections of a town."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))
        town = Town(stack, settings, http)
        town.pool = await stack.enter_async_context(open_pool(settings))
        town.client = await stack.enter_async_context(open_redis(settings))
        town.client.remember_by(Messages(town.pool).begin_reigns)
        town.archive = Archive(town.client, town.pool, settings)
        yield town
        for talker in town.talkers:
            await talker.ws.close()
            talker.reader.cancel()
