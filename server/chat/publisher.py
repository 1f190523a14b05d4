"""From the sockets to Redis: what all of them say in one turn goes as one pipeline.

Messages of one partition are in at most one pipeline at a time, so two messages of a
person keep their order; other partitions do not wait for a slow one. While pipelines are
under way the next ones grow, and no two begin within ``publish_gather_ms``, so the cost of a
round trip is shared the more the more is said. Who says something in a quiet moment does not wait.

Next: server/state/posts.py
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from server.archive.archive import Archive
from server.domain.errors import Refusal
from server.domain.rooms import User
from server.runtime.instruments import (
    PUBLISH_BATCH,
    PUBLISH_OVERFLOWS,
    PUBLISH_QUEUE,
    PUBLISH_SECONDS,
)
from server.state import posts
from server.state.client import RedisClient
from server.state.posts import COLD, Post, Posted

logger = logging.getLogger(__name__)

PIPELINES = 4
"""Pipelines under way at the same time."""
PIPELINE_COMMANDS = 1000
"""Messages of one pipeline, over all of its partitions."""

Done: TypeAlias = Callable[[Posted | Refusal], None]


class _Waiting:
    """A message between its socket and its answer."""

    __slots__ = ("at", "done", "post", "warmed")

    def __init__(self, post: Post, done: Done, at: float) -> None:
        self.post = post
        self.done = done
        self.at = at
        self.warmed = False


class Publisher:
    """Posts for all sockets of a replica; every message is answered exactly once."""

    def __init__(self, client: RedisClient, archive: Archive) -> None:
        self._client = client
        self._archive = archive
        self._settings = client.settings
        self._queues: dict[int, deque[_Waiting]] = {}
        self._typing: dict[tuple[str, str], User] = {}
        self._under_way: set[int] = set()
        self._warming: dict[str, list[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pipelines = 0
        self._waiting = 0
        self._scheduled = False
        self._next_at = 0.0

    @property
    def waiting(self) -> int:
        """Messages that have no answer yet."""
        return self._waiting

    def post(self, post: Post, done: Done) -> None:
        """Post a message; ``done`` gets the outcome, now or in a later turn, exactly once.

        It waits at most ``redis_timeout_s`` for its turn and as long for Redis. A refusal of
        ``unavailable`` may hide a success: the same ``cid`` again finds out.
        """
        if self._waiting >= self._settings.publish_queue:
            PUBLISH_OVERFLOWS.inc()
            done(Refusal("busy"))
            return
        self._waiting += 1
        self._enqueue(_Waiting(post, done, time.monotonic()))
        self._schedule()

    def typing(self, room: str, user: User) -> None:
        """Tell a room that somebody types; lost when Redis is away or the queue is full."""
        if len(self._typing) < self._settings.publish_queue:
            self._typing[room, user.id] = user
            self._schedule()

    async def close(self) -> None:
        """Wait for what is under way, then refuse what is left."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.redis_timeout_s)
        for task in tuple(self._tasks):
            task.cancel()
        for queue in self._queues.values():
            self._refuse(list(queue), Refusal("draining"))
        self._queues.clear()

    # --- One turn -----------------------------------------------------------------------

    def _enqueue(self, item: _Waiting) -> None:
        partition = self._client.partition_of(item.post.room)
        queue = self._queues.get(partition)
        if queue is None:
            queue = self._queues[partition] = deque()
        queue.append(item)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop = asyncio.get_running_loop()
            if loop.time() < self._next_at:
                loop.call_at(self._next_at, self._flush)
            else:
                loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        gather_s = self._settings.publish_gather_ms / 1000
        self._next_at = asyncio.get_running_loop().time() + gather_s
        if self._typing:
            typing, self._typing = self._typing, {}
            self._start(self._send_typing(typing))
        while self._pipelines < PIPELINES:
            batch, partitions = self._gather()
            if not batch:
                break
            self._pipelines += 1
            self._under_way |= partitions
            self._start(self._send(batch, partitions))
        PUBLISH_QUEUE.set(self._waiting)

    def _gather(self) -> tuple[list[_Waiting], set[int]]:
        """Take what may go now: from each partition that is not under way, in order."""
        batch: list[_Waiting] = []
        partitions: set[int] = set()
        too_old = time.monotonic() - self._settings.redis_timeout_s
        for partition in tuple(self._queues):
            if partition in self._under_way:
                continue
            queue = self._queues[partition]
            space = self._settings.publish_batch
            while queue and space:
                item = queue.popleft()
                warming = self._warming.get(item.post.room)
                if item.at < too_old:
                    self._answer(item, Refusal("unavailable"))
                elif warming is None:
                    batch.append(item)
                    partitions.add(partition)
                    space -= 1
                else:
                    warming.append(item)
            if not queue:
                del self._queues[partition]
            if len(batch) >= PIPELINE_COMMANDS:
                break
        return batch, partitions

    async def _send(self, batch: list[_Waiting], partitions: set[int]) -> None:
        outcomes: list[posts.Outcome] = []
        try:
            outcomes = await posts.post(self._client, [item.post for item in batch])
        finally:
            # Cancelled or crashed: whoever waits must hear something.
            outcomes += [Refusal("unavailable")] * (len(batch) - len(outcomes))
            self._pipelines -= 1
            self._under_way -= partitions
            PUBLISH_BATCH.observe(len(batch))
            # The one that waited longest speaks for its batch: one observation per message
            # would cost as much as its JSON.
            PUBLISH_SECONDS.observe(time.monotonic() - min(item.at for item in batch))
            for item, outcome in zip(batch, outcomes, strict=True):
                if outcome is COLD:
                    self._warm(item)
                else:
                    self._answer(item, outcome)
            self._schedule()

    async def _send_typing(self, typing: dict[tuple[str, str], User]) -> None:
        commands = [posts.typing(self._client, room, user) for (room, _), user in typing.items()]
        await self._client.pipeline(commands)

    # --- Cold rooms ---------------------------------------------------------------------

    def _warm(self, item: _Waiting) -> None:
        """Bring the room back first; what is said there meanwhile waits in its order."""
        if item.warmed:
            self._answer(item, Refusal("room_unavailable"))
            return
        item.warmed = True
        room = item.post.room
        if room in self._warming:
            self._warming[room].append(item)
        else:
            self._warming[room] = [item]
            self._start(self._bring_back(room, item.post.user))

    async def _bring_back(self, room: str, user: User) -> None:
        refusal: Refusal | None = Refusal("unavailable")
        try:
            await self._archive.enter(room, user)
            refusal = None
        except Refusal as refused:
            # The room is there now, only this person may not come in: ask for each.
            refusal = None if refused.code == "not_a_member" else refused
        finally:
            items = self._warming.pop(room)
            if refusal is not None:
                self._refuse(items, refusal)
            else:
                for item in items:
                    item.warmed = True
                partition = self._client.partition_of(room)
                later = self._queues.get(partition, deque())
                self._queues[partition] = deque([*items, *later])
                self._schedule()

    # --- Answers ------------------------------------------------------------------------

    def _refuse(self, items: list[_Waiting], refusal: Refusal) -> None:
        for item in items:
            self._answer(item, refusal)

    def _answer(self, item: _Waiting, outcome: Posted | Refusal) -> None:
        self._waiting -= 1
        try:
            item.done(outcome)
        except Exception:
            logger.exception("an answer could not be given")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="publish")
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("publishing failed", exc_info=error)
