"""Decides who is told of a message: members who have not read it after a few seconds.

The writer hands over what it has saved and goes on; nothing here slows it or is waited for.
Notices are a convenience: what waits when the process ends, or does not fit, is not told.
Next: ``push/sender.py``.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import Iterable
from typing import Final

import orjson

from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.files import names_of
from server.domain.notices import Level, mentions, wants
from server.domain.records import Row
from server.push.sender import Push, Sender
from server.runtime.instruments import PUSHES
from server.runtime.settings import Settings
from server.storage.notices import Notices, Target

log = logging.getLogger(__name__)

STEP_S: Final = 0.5
ROOMS: Final = 200
"""Rooms of one query."""
TEXT_CHARS: Final = 200
STALE_MS: Final = 10 * 60 * 1000
"""What was said longer ago is no news: a writer may come back to a long backlog."""
TOPIC_CHARS: Final = 32


class Notifier:
    """Holds saved messages for ``push_wait_s`` and then tells who has not read them."""

    def __init__(self, settings: Settings, notices: Notices, sender: Sender) -> None:
        self._settings = settings
        self._notices = notices
        self._sender = sender
        self._held: deque[tuple[float, Row]] = deque()
        self._arrived = asyncio.Event()

    def offer(self, rows: Iterable[Row]) -> None:
        """Take what was saved; the oldest go when there are too many."""
        now, oldest = time.monotonic(), time.time() * 1000 - STALE_MS
        for row in rows:
            if row.kind != Kind.MESSAGE or row.at < oldest:
                continue
            if len(self._held) >= self._settings.push_queue:
                self._held.popleft()
                PUSHES.labels("dropped").inc()
            self._held.append((now, row))
        if self._held:
            self._arrived.set()

    async def run(self) -> None:
        """Tell for ever; without PostgreSQL nobody knows whom, and what is due is let go."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(STEP_S)
            due = self._take()
            if not self._held:
                self._arrived.clear()
            rooms = sorted(due)
            for start in range(0, len(rooms), ROOMS):
                try:
                    await self._tell({room: due[room] for room in rooms[start : start + ROOMS]})
                except Refusal:
                    PUSHES.labels("unknown").inc()

    def _take(self) -> dict[str, list[Row]]:
        until = time.monotonic() - self._settings.push_wait_s
        due: dict[str, list[Row]] = {}
        while self._held and self._held[0][0] <= until:
            row = self._held.popleft()[1]
            due.setdefault(row.room_id, []).append(row)
        return due

    async def _tell(self, rows: dict[str, list[Row]]) -> None:
        targets = await self._notices.targets(list(rows), self._settings.push_queue)
        now_ms = int(time.time() * 1000)
        for number, target in enumerate(targets):
            if not target.quiet.holds(now_ms):
                push = push_of(target, rows[target.room_id])
                if push is not None:
                    self._sender.put(push)
            if number % 100 == 99:
                # The writer's own work comes first.
                await asyncio.sleep(0)


def push_of(target: Target, rows: list[Row]) -> Push | None:
    """Return what to tell one device of messages of one room: the last that its person wants."""
    wanted = [
        row
        for row in rows
        if row.user_id != target.user_id
        and row.position > target.read
        and wants(target.level, row.text or "", target.user_name)
    ]
    if not wanted:
        return None
    last = wanted[-1]
    text = last.text or names_of(orjson.loads(last.data or "{}").get("files", ()))
    plain = orjson.dumps(
        {
            "room": target.room_id,
            "cid": last.cid,
            "title": target.room_name,
            "body": f"{last.user_name}: {text[:TEXT_CHARS]}{'…' * (len(text) > TEXT_CHARS)}",
        }
    )
    topic = hashlib.sha256(target.room_id.encode()).hexdigest()[:TOPIC_CHARS]
    urgent = target.level is Level.MENTIONS or mentions(text, target.user_name)
    return Push(target.device, plain, topic, urgent)
