"""One whole Beseda for the tests of the meter, with cheap passwords and short resumes."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from loadtest.accounts import OwnSite
from loadtest.options import Options, Question, Stand
from loadtest.outcome import Round
from loadtest.progress import Progress
from loadtest.system import System

CHEAP = {
    "BCRYPT_COST": "4",
    "PARTITIONS": "16",
    "RESUME_EVENTS": "40",
    "RESET_EVENTS": "30",
    "RING_EVENTS": "10",  # a replica's own memory would make up for more
    "ROOM_LINGER_S": "0.5",
}

Measure = Callable[..., Awaitable[list[Round]]]


@pytest.fixture(scope="session")
def system(server_folder: Path) -> Iterator[System]:
    """A replica, a writer, Valkey and PostgreSQL. A test may freeze the replica for a while."""
    running = System(server_folder / "loadtest", settings=CHEAP)
    asyncio.run(running.start())
    yield running
    running.stop()


@pytest.fixture
def site(system: System) -> OwnSite:
    """People and rooms of it."""
    return OwnSite(system)


@pytest.fixture
def stand(site: OwnSite) -> Stand:
    """Nobody waits, and nothing is told."""
    options = Options(members=5, rate=10.0)
    return Stand(site, options, Progress(io.StringIO()), asyncio.Event())


@pytest.fixture
def measure(site: OwnSite, server_folder: Path) -> Measure:
    """Ask a question with these numbers."""

    async def asked(question: Question, **numbers: float | str) -> list[Round]:
        defaults = {**question.defaults, "warm_up": 0.2, "rounds": 1, **numbers}
        options = Options(**defaults)  # type: ignore[arg-type]
        folder = server_folder / "loadtest-alone"
        stand = Stand(site, options, Progress(sys.stderr), asyncio.Event(), folder=folder)
        return [measured async for measured in question.measure(stand)]

    return asked
