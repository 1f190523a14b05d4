"""More is said than Redis can take: the rest is told ``busy``, and when it ends so does that."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from server.domain.positions import Position
from tests.figures import Figure
from tests.helpers import end
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, rows_of
from tests.scenarios.load import people, talking
from tests.scenarios.proxy import Proxy, proxied
from tests.scenarios.raw import RawSocket, raw_socket
from tests.scenarios.recovery import recovered_after
from tests.scenarios.service import Service
from tests.scenarios.system import System
from tests.scenarios.vitals import metric, rss

ROOMS = 4
FLOOD_S = 4.0
BATCH, PAUSE_S = 25, 0.05
"""Of each flooder: eight of them say 4000 messages a second."""

QUEUE = 300
BACK_S = 5.0
"""The promise: so long after the flood everything is as it was."""

SLACK_S = 5.0
MOST_MIB = 48
PASSING = {"busy", "unavailable"}


class Flooder:
    """Somebody who says more than anybody could, and never says it again."""

    def __init__(self, user: str, raw: RawSocket) -> None:
        self.user = user
        self.room = raw.room
        self.answers: dict[str, dict[str, Any]] = {}
        self._raw = raw
        self._said = 0
        self._hearing = asyncio.create_task(self._hear())

    async def flood(self, until: float) -> None:
        """Say ``BATCH`` things at a time."""
        while time.monotonic() < until:
            for _ in range(BATCH):
                cid = f"f{self._said}"
                self._said += 1
                self._raw.ask("send", cid, room=self.room, cid=cid, text="water " * 20)
            await asyncio.sleep(PAUSE_S)

    async def is_answered(self) -> None:
        """Wait until each op has its answer."""
        async with asyncio.timeout(60):
            while len(self.answers) < self._said:
                assert not self._hearing.done(), self._hearing
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Stop listening."""
        await end([self._hearing])

    @property
    def codes(self) -> Counter[str]:
        """How often what was answered."""
        return Counter(each["err"]["code"] if "err" in each else "ok" for each in self._all)

    @property
    def taken(self) -> list[tuple[str, Position]]:
        """What was acknowledged, in the order in which it was said."""
        found = [(cid, self.answers[cid].get("ok")) for cid in map("f{}".format, range(self._said))]
        return [(cid, Position(ok["epoch"], ok["seq"])) for cid, ok in found if ok]

    def refused(self, code: str) -> set[str]:
        """Return what was refused with a code."""
        return {each["re"] for each in self._all if each.get("err", {}).get("code") == code}

    @property
    def _all(self) -> Sequence[dict[str, Any]]:
        return list(self.answers.values())

    async def _hear(self) -> None:
        while True:
            frame = await self._raw.json()
            if "re" in frame:
                assert frame["re"] not in self.answers, "an op was answered twice"
                self.answers[frame["re"]] = frame


@asynccontextmanager
async def weighing(service: Service) -> AsyncIterator[list[float]]:
    """Give the list of what a process weighs, MiB, which grows while the block lasts."""
    weights = [rss(service)]

    async def weigh() -> None:
        while True:
            weights.append(rss(service))
            await asyncio.sleep(0.05)

    task = asyncio.create_task(weigh())
    try:
        yield weights
    finally:
        await end([task])


def slow(proxy: Proxy) -> None:
    """Some 300 messages a second."""
    proxy.limit(150_000)


def stopped(proxy: Proxy) -> None:
    """Nothing passes, for longer than anybody waits."""
    proxy.hold()


@pytest.mark.fault(48)
@pytest.mark.parametrize("weather", [slow, stopped], ids=["slow", "stopped"])
async def test_a_flood_is_told_busy_costs_no_memory_and_is_over_soon_after_its_end(
    make_system: MakeSystem,
    redis_url: str,
    figure: Figure,
    weather: Callable[[Proxy], None],
) -> None:
    async with (
        proxied(redis_url) as proxy,
        make_system(
            replicas=1,
            replica_settings={0: {"redis_url": proxy.url}},
            publish_queue=QUEUE,
            pending_per_socket=10 * QUEUE,
        ) as system,
        AsyncExitStack() as stack,
    ):
        service = system.replicas[0]
        alice, bob, carol = await people(system, 3)
        rooms = [await alice.create_room(f"Room {number}") for number in range(ROOMS)]
        clients = [await alice.open(room) for room in rooms]
        flooders = []
        for person, room in itertools.product((bob, carol), rooms):
            raw = await stack.enter_async_context(raw_socket(person, room))
            flooders.append(Flooder(person.id, raw))
            stack.push_async_callback(flooders[-1].close)
        async with talking(clients) as talk:
            await talk.goes_on(60)
            began = time.monotonic()
            async with weighing(service) as weights:
                weather(proxy)
                await asyncio.gather(*(each.flood(began + FLOOD_S) for each in flooders))
                proxy.mend()
                ended = time.monotonic()
                await asyncio.gather(*(each.is_answered() for each in flooders))
            answered = time.monotonic() - ended
            await talk.everybody_is_heard(ended)
            calm = await metric(service, "beseda_refusals_total", code="busy")
            await talk.goes_on(100)
        await acquit(system)
        ledgers = [client.ledger for client in clients]
        took = recovered_after(ledgers, began=began, ended=ended)
        codes = sum((each.codes for each in flooders), Counter[str]())
        figure("messages of a flood that were told busy", codes["busy"] / codes.total(), "of all")
        figure("the pace was back after the flood", took, "s")
        figure("memory of the flood", max(weights) - weights[0], "MiB")
        assert codes.keys() <= {"ok", *PASSING}, codes
        assert codes["busy"] > codes.total() / 3, codes
        assert codes["ok"] or weather is stopped, codes
        assert await metric(service, "beseda_publish_overflows_total") >= codes["busy"]
        assert await metric(service, "beseda_refusals_total", code="busy") == calm, "still busy"
        assert await metric(service, "beseda_publish_queue_commands") < QUEUE
        assert max(weights) - weights[0] < MOST_MIB
        assert answered < BACK_S + SLACK_S
        assert took < BACK_S + SLACK_S
        for room in rooms:
            await _is_kept(system, room, [each for each in flooders if each.room == room])
        assert system.errors() == []


async def _is_kept(system: System, room: str, flooders: Sequence[Flooder]) -> None:
    """Fail unless what was taken is there once, in order, and what was busy is not."""
    rows = await rows_of(system, room)
    for flooder in flooders:
        places = {
            row.cid: Position(row.epoch, row.seq) for row in rows if row.user_id == flooder.user
        }
        written = [row.cid for row in rows if row.user_id == flooder.user and row.kind == "message"]
        assert len(written) == len(set(written)), "twice"
        assert {cid: places.get(cid) for cid, _ in flooder.taken} == dict(flooder.taken)
        order = [place for _, place in flooder.taken]
        assert order == sorted(order)
        assert not flooder.refused("busy") & places.keys()
