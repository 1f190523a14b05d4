"""nginx is reloaded, and a replica taken out of it, while people talk: nobody loses a message."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.figures import Figure
from tests.helpers import wait_until
from tests.nginx.dns import name_server
from tests.nginx.front import Front, front
from tests.scenarios.client import Client
from tests.scenarios.evidence import acquit
from tests.scenarios.load import people, talking
from tests.scenarios.person import Person
from tests.scenarios.system import System

pytestmark = [pytest.mark.nginx, pytest.mark.scenario, pytest.mark.timeout(180)]

READ_TIMEOUT_S = 3
OLD_WORKERS_S = 4
PING_S = 1.0


@dataclass
class Door:
    """nginx, where a client expects a replica."""

    url: str

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)


@dataclass
class Street:
    """The system as people see it: one door."""

    system: System
    nginx: Front
    replicas: list[Door] = field(default_factory=list)

    @property
    def http(self) -> Any:
        return self.system.http

    @property
    def clients(self) -> list[Client]:
        return self.system.clients

    def report(self) -> str:
        return self.system.report() + self.nginx.error_log

    def leads_to(self, *replicas: int) -> None:
        """Write which replicas there are; nginx reads it when it is told to."""
        folder = self.nginx.folder
        servers = " ".join(
            f"server 127.0.0.1:{self.system.replicas[replica].port};" for replica in replicas
        )
        (folder / "upstreams.conf").write_text(f"upstream chats {{ {servers} }}\n")

    def workers(self) -> set[int]:
        """The processes that serve, old ones too."""
        pid = self.nginx.process.pid
        return {int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}

    def reload(self) -> set[int]:
        """Tell nginx to read its files again; returns the workers of before."""
        old = self.workers()
        self.nginx.process.send_signal(signal.SIGHUP)
        return old

    async def are_gone(self, old: set[int], within: float) -> float:
        """Wait for the end of the workers of before."""
        began = time.monotonic()
        await wait_until(lambda: not old & self.workers(), within, "old workers are gone")
        return time.monotonic() - began


@asynccontextmanager
async def _street(system: System, folder: Path) -> AsyncIterator[Street]:
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(name_server())
        nginx = await stack.enter_async_context(
            front(
                folder,
                resolver_port=names.port,
                chat="chats",
                website="chats",
            )
        )
        street = Street(system, nginx, [Door(nginx.url)])
        _shorten(folder / "nginx.conf", "worker_shutdown_timeout 60s", OLD_WORKERS_S)
        _shorten(folder / "ws.conf", "proxy_read_timeout 75s", READ_TIMEOUT_S)
        addresses = folder / "addresses.conf"
        addresses.write_text(addresses.read_text() + "include upstreams.conf;\n")
        street.leads_to(0, 1)
        await street.are_gone(street.reload(), 20)
        yield street


def _shorten(file: Path, shipped: str, seconds: int) -> None:
    text = file.read_text()
    assert text.count(shipped) == 1
    file.write_text(text.replace(shipped, f"{shipped.partition(' ')[0]} {seconds}s"))


async def _move_in(street: Street, folk: list[Person]) -> None:
    """From now on these people know nothing but the one door."""
    for person in folk:
        person.system = street  # type: ignore[assignment]


@pytest.mark.fault(43)
async def test_a_reload_and_a_replica_less_cost_a_reconnect_and_no_message(
    redis_url: str, database_url: str, tmp_path: Path, figure: Figure
) -> None:
    system = System(
        redis_url, database_url, tmp_path / "system", replicas=2, ping_s=PING_S, trusted_proxies=1
    )
    async with system, _street(system, tmp_path / "nginx") as street:
        folk = await people(system, 4)
        rooms = [await folk[0].create_room(name) for name in ("Kitchen", "Hall")]
        await _move_in(street, folk)
        clients = [await person.open(room) for person in folk for room in rooms]
        idle = await folk[3].open(rooms[0])
        async with talking(clients, pace_s=0.05) as talk:
            await talk.goes_on(50)
            old = street.reload()
            await talk.goes_on(50)
            gone = await street.are_gone(old, OLD_WORKERS_S + 10)
            await talk.goes_on(50)
            street.leads_to(1)
            removed = street.reload()
            await street.are_gone(removed, OLD_WORKERS_S + 10)
            system.replicas[0].term()
            await talk.goes_on(50)
            assert await system.replicas[0].ended() == 0
            await talk.goes_on(50)
        for client in (*clients, idle):
            assert len(client.ledger.connections) > 1, "the reload did not touch him"
        figure("until the workers of before a reload are gone", gone, "s")
        await acquit(system)
        assert system.errors() == []


@pytest.mark.fault(43)
async def test_a_socket_on_which_nobody_says_anything_outlives_the_patience_of_nginx(
    redis_url: str, database_url: str, tmp_path: Path
) -> None:
    system = System(
        redis_url, database_url, tmp_path / "system", replicas=2, ping_s=PING_S, trusted_proxies=1
    )
    async with system, _street(system, tmp_path / "nginx") as street:
        alice, bob = await people(system, 2)
        room = await alice.create_room("Kitchen")
        await _move_in(street, [alice, bob])
        hers, his = await alice.open(room), await bob.open(room)
        quiet = time.monotonic() + 2.5 * READ_TIMEOUT_S
        await wait_until(lambda: time.monotonic() > quiet, 30, "a long silence", interval=0.1)
        await hers.is_saved(hers.say("still there?"))
        await his.sees("still there?")
        assert [len(client.ledger.connections) for client in (hers, his)] == [1, 1]
        await acquit(system)
