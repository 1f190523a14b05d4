"""Systems of real processes for scenarios; a failure shows the end of every log."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from server.local.valkey import Valkey
from tests.scenarios.system import System

_SYSTEMS = pytest.StashKey[list[System]]()


class MakeSystem(Protocol):
    """Makes a system for the fresh servers; enter it with ``async with``."""

    def __call__(self, **options: Any) -> System: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test that starts a system the time that this takes."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and "make_system" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.scenario)
            item.add_marker(pytest.mark.timeout(180))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the logs of the processes beside the failure."""
    report = yield
    if report.failed:
        for system in item.stash.get(_SYSTEMS, []):
            report.sections.append(("processes", system.report()))
    return report


@pytest.fixture
def make_system(
    request: pytest.FixtureRequest, redis_url: str, database_url: str, tmp_path: Path
) -> MakeSystem:
    """Make systems; options are those of ``System``."""
    systems = request.node.stash.setdefault(_SYSTEMS, [])

    def make(**options: Any) -> System:
        urls = {"redis_url": redis_url, "database_url": database_url}
        system = System(**{**urls, "folder": tmp_path / f"system-{len(systems)}", **options})
        systems.append(system)
        return system

    return make


@pytest.fixture
def own_redis(server_folder: Path) -> Iterator[Valkey]:
    """A Redis of this test alone, with the persistence of production."""
    server = Valkey(server_folder / "mortal")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


@pytest.fixture
async def system(make_system: MakeSystem) -> AsyncIterator[System]:
    """Two replicas and a writer, ready."""
    async with make_system() as running:
        yield running
