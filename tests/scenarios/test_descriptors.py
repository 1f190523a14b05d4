"""No descriptor left: people are sent elsewhere in time, and what is here goes on."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import aiohttp
import pytest

from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import people, talking
from tests.scenarios.raw import NotUpgraded, open_raw
from tests.scenarios.service import Service
from tests.scenarios.vitals import cpu_s, descriptors

LIMIT = 256
RESERVE = 100


def _limit(service: Service) -> None:
    resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))


@contextmanager
def _silent_connections(service: Service, count: int) -> Iterator[None]:
    """Connect and say nothing, whether the other end takes it or not."""
    opened = [socket.socket() for _ in range(count)]
    try:
        for each in opened:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", service.port))
        yield
    finally:
        for each in opened:
            each.close()


async def _ready(service: Service, http: aiohttp.ClientSession) -> dict[str, Any]:
    async with http.get(f"{service.url}/readyz") as answer:
        found: dict[str, Any] = await answer.json()
        return found


@pytest.mark.fault(44)
async def test_sockets_leave_descriptors_for_everything_else(make_system: MakeSystem) -> None:
    async with make_system(replicas=1) as system, AsyncExitStack() as stack:
        alice, bob = await people(system, 2)
        room = await alice.create_room("Kitchen")
        service = system.replicas[0]
        witness = await alice.open(room)
        _limit(service)
        opened = [await open_raw(bob, room) for _ in range(LIMIT - RESERVE - 1)]
        for raw in opened:
            stack.callback(raw.abort)
        with pytest.raises(NotUpgraded, match="503"):
            await open_raw(bob, room)
        ready = await _ready(service, system.http)
        assert ready["ready"]
        assert ready["degraded"] == ["space for sockets"]
        await witness.is_saved(witness.say("there is space for this"))
        assert (await alice.get("/api/v1/rooms")).status == 200
        for raw in opened:
            raw.abort()

        async def has_space() -> bool:
            return not (await _ready(service, system.http))["degraded"]

        await wait_until(has_space, 10, "there is space again")
        again = await open_raw(bob, room)
        assert await again.say("back")
        again.abort()
        await acquit(system)
        assert system.errors() == []


@pytest.mark.fault(44)
@pytest.mark.parametrize("event_loop", ["uvloop", "asyncio"])
async def test_a_replica_out_of_descriptors_goes_on_and_takes_people_again(
    make_system: MakeSystem, figure: Figure, event_loop: str
) -> None:
    async with make_system(replicas=1, event_loop=event_loop) as system:
        alice, bob = await people(system, 2)
        room = await alice.create_room("Kitchen")
        service = system.replicas[0]
        witness = await alice.open(room)
        quiet = descriptors(service)
        _limit(service)
        async with talking([witness], pace_s=0.05) as talk:
            with _silent_connections(service, 2 * LIMIT):
                await wait_until(lambda: descriptors(service) >= LIMIT - 5, 20, "all are in use")
                before = cpu_s(service)
                await asyncio.sleep(2)
                busy = (cpu_s(service) - before) / 2
                await talk.goes_on(10)
            await wait_until(
                lambda: descriptors(service) < quiet + 20, 30, "descriptors are free again"
            )
            his = await open_raw(bob, room)
            assert await his.say("here I am")
            his.abort()
        figure("processor while out of descriptors", busy * 100, "%")
        assert busy < 0.7, "it turns in a circle"
        assert service.running
        assert len(witness.ledger.connections) == 1
        await acquit(system)
