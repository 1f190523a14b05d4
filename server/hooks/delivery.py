"""Works off outgoing webhooks from PostgreSQL, beside the writer and apart from the chat.

Each hook has a cursor: the position in its room up to which everything was delivered. Whoever
takes its lease reads saved messages after it, posts them one by one in their order, and moves
the cursor. A holder that dies leaves a lease that ends by itself, and a message that may be
delivered twice, under the same id.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Final

import orjson

from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.ids import BOT_PREFIX, new_id
from server.domain.records import Row
from server.hooks.sender import Outcome, Sender
from server.hooks.signature import body_of, headers_of
from server.runtime.instruments import HOOKS_DEAD, HOOKS_DELIVERED, HOOKS_FAILED
from server.runtime.settings import Settings
from server.storage.outgoing_hooks import OutgoingHook, OutgoingHooks
from server.storage.pool import Pool

POLL_S: Final = 1.0
"""Pause between looks for hooks that have something to deliver."""
AT_ONCE: Final = 16
"""Hooks that one process works on at the same time; a slow receiver holds up only itself."""
BATCH: Final = 50
"""Events that are read at once for a hook; after them it is the turn of others."""
FIRST_WAIT_MS: Final = 5_000
LONGEST_WAIT_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000

log = logging.getLogger(__name__)


class Deliveries:
    """The deliveries of one process; any number of processes may run beside each other."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._hooks = OutgoingHooks(pool)
        self._settings = settings
        self._patience_ms = int(settings.hooks_days * _DAY_MS)
        # A turn ends after half of its lease, and its last attempt within the other half.
        self._turn_s = max(10.0, 2 * settings.hooks_timeout_s)
        self._sender = Sender(
            private=settings.hooks_private, timeout_s=settings.hooks_timeout_s, at_once=AT_ONCE
        )
        self._turns: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Deliver for ever; while PostgreSQL is away nothing happens."""
        async with self._sender:
            try:
                while True:
                    await self._begin_turns()
                    await asyncio.sleep(POLL_S)
            finally:
                for turn in self._turns:
                    turn.cancel()
                await asyncio.gather(*self._turns, return_exceptions=True)

    async def _begin_turns(self) -> None:
        free = AT_ONCE - len(self._turns)
        if free <= 0:
            return
        lease = new_id()
        try:
            claimed = await self._hooks.claim(lease, 2 * self._turn_s, free)
        except Refusal:
            return
        for hook in claimed:
            turn = asyncio.create_task(self._turn(hook, lease), name="webhook")
            self._turns.add(turn)
            turn.add_done_callback(self._ended)

    def _ended(self, turn: asyncio.Task[None]) -> None:
        self._turns.discard(turn)
        if not turn.cancelled() and (error := turn.exception()) is not None:
            # Its lease ends by itself, and then it is somebody's turn again.
            log.error("a webhook's turn failed", exc_info=error)

    async def _turn(self, hook: OutgoingHook, lease: str) -> None:
        try:
            if await self._deliver(hook, lease):
                await self._hooks.release(hook.id, lease)
        except Refusal:
            log.debug("a webhook's turn ends early: PostgreSQL is away")

    async def _deliver(self, hook: OutgoingHook, lease: str) -> bool:
        """Deliver what is there, for a while; False when the hook is not held any more."""
        end = time.monotonic() + self._turn_s
        failures = hook.failures
        rows = await self._hooks.events_after(hook.room_id, hook.position, BATCH)
        for row in rows:
            if time.monotonic() >= end:
                return True
            if not is_for_hooks(row):
                continue
            outcome = await self._post(hook, row)
            if outcome.error:
                await self._give_up(hook, lease, outcome, failures)
                return False
            failures = 0
            if not await self._hooks.advance(hook.id, lease, row.position, delivered=True):
                return False
        position = rows[-1].position if rows else hook.position
        if len(rows) < BATCH:
            # What could not be saved has a position and no row.
            position = max(position, hook.end)
        return await self._hooks.advance(hook.id, lease, position, delivered=False)

    async def _post(self, hook: OutgoingHook, row: Row) -> Outcome:
        body = body_of(hook, row, self._settings.public_url)
        headers = headers_of(hook, row, body, int(time.time()))
        outcome = await self._sender.post(hook.url, body, headers)
        (HOOKS_FAILED if outcome.error else HOOKS_DELIVERED).inc()
        return outcome

    async def _give_up(
        self, hook: OutgoingHook, lease: str, outcome: Outcome, failures: int
    ) -> None:
        """Leave the hook for a while, or for good."""
        dead = await self._hooks.fail(
            hook.id,
            lease,
            outcome.error,
            wait_ms=wait_ms(failures),
            patience_ms=self._patience_ms,
            gone=outcome.gone,
        )
        if dead:
            HOOKS_DEAD.inc()
            log.warning("a webhook is given up", extra={"hook": hook.id, "reason": outcome.error})


def is_for_hooks(row: Row) -> bool:
    """Tell whether hooks hear of an event: messages of people, while they have a text or a file.

    Bots are left out: a service that answers what it hears would answer itself for ever.
    """
    says = bool(row.text) or (row.data is not None and "files" in orjson.loads(row.data))
    return row.kind == Kind.MESSAGE and says and not row.user_id.startswith(BOT_PREFIX)


def wait_ms(failures: int) -> int:
    """Return how long to wait after so many earlier failures: doubling, with a random part."""
    wait = min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** min(failures, 20))
    return int(wait * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
