"""The chat as a part of an aiohttp application: what it is made of, and its two routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

from aiohttp import web

from server.chat.deps import CHAT_DEPS, ChatDeps
from server.chat.door import Door
from server.chat.lobby import Lobby
from server.chat.presence import Presence
from server.chat.publisher import Publisher
from server.chat.roster import Roster
from server.chat.surroundings import Surroundings
from server.chat.unsent import Unsent
from server.runtime.supervise import Tasks
from server.state.feed import Event, Feed
from server.state.presence import PresenceChange


class Chat:
    """One chat replica; its parts are public for tests and tools."""

    def __init__(self, deps: ChatDeps) -> None:
        self._client = deps.client
        self.roster = Roster(deps.settings, deps.identities)
        self._unsent = Unsent(self.roster, deps.settings.outboxes_bytes)
        self.publisher = Publisher(deps.client, deps.archive)
        self.presence = Presence(
            deps.client, deps.boot, lambda: self.lobby.partitions, self._everybody
        )
        self.feed = Feed(deps.client, self._on_events, self._on_missed, self.roster.on_control)
        self.lobby = Lobby(
            deps.settings, deps.archive, deps.client.partition_of, self.feed, self.presence
        )
        self.door = Door(
            Surroundings(
                deps.settings,
                deps.archive,
                deps.identities,
                self.lobby,
                self.publisher,
                self.roster,
            )
        )

    async def check_feed(self) -> bool:
        """Readiness: events arrive here."""
        return self.feed.healthy

    async def check_space(self) -> bool:
        """Readiness: another socket has space; where it has not, others go on."""
        return not self.roster.is_full

    async def check_redis(self) -> None:
        """Readiness: Redis answers.

        Raises:
            Refusal: ``unavailable``.
        """
        await self._client.ping()

    async def drain(self, seconds: float) -> None:
        """Send every socket to another replica within ``seconds``; new ones get 503."""
        self.presence.drain()
        await self.roster.drain(seconds)

    async def run(self, _app: web.Application) -> AsyncIterator[None]:
        """Run the tasks of the replica as long as the application runs."""
        async with Tasks() as tasks:
            tasks.start("feed", self.feed.run)
            tasks.start("presence", self.presence.run)
            tasks.start("presence lease", self.presence.keep_lease)
            tasks.start("session recheck", self.roster.recheck)
            tasks.start("unsent bytes", self._unsent.watch)
            tasks.start("heartbeat", self.roster.keep_alive)
            yield
            await self.roster.finish()
            await self.lobby.close()
            await self.publisher.close()

    async def shut(self, _app: web.Application) -> None:
        """Drop the sockets that are left: the application stops now."""
        self.presence.drain()
        self.roster.draining = True
        self.roster.drop_all()

    def _on_events(self, partition: int, events: list[Event]) -> None:
        self.lobby.on_events(partition, events)

    def _on_missed(self, partition: int) -> None:
        self.lobby.on_missed(partition)

    def _everybody(self, partitions: Iterable[int]) -> Iterator[PresenceChange]:
        for partition in partitions:
            for room in self.lobby.rooms_of(partition):
                for member in room.members:
                    yield PresenceChange(room.id, member.id, member.user, online=True)


def setup_chat(app: web.Application, deps: ChatDeps) -> Chat:
    """Add the chat to an application; the caller asks ``Chat`` for readiness and draining."""
    chat = Chat(deps)
    app[CHAT_DEPS] = deps
    app.router.add_get("/ws", chat.door.open)
    app.router.add_get("/ws/{room_id:[^/]+}", chat.door.open)
    app.cleanup_ctx.append(chat.run)
    app.on_shutdown.append(chat.shut)
    return chat
