"""Real Chromium before a real Beseda: one browser and one installation for the whole folder.

Every person has an account, a context and so cookies and storage of their own; a test fails
when a page complained about anything that the test did not expect.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from server.local.postgres import Postgres
from server.local.valkey import Valkey
from tests.browser.window import Window
from tests.browser.wire import Wire
from tests.databases import Databases
from tests.helpers import require
from tests.scenarios.system import System

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
"""Quiet, and able to run in a container; the processes that it talks to are our own."""

_TIMEOUT_S = 120
_LOG_LINES = 40
_SYSTEM = pytest.StashKey[System]()
_FAILED = pytest.StashKey[bool]()
_numbers = itertools.count(1)


class OpenWindow(Protocol):
    """Opens a window: for a new account of that name, for ``shown`` where others see that, or,
    without a name, for nobody. A ``wired`` one may go offline. ``options`` are those of a
    Playwright context."""

    async def __call__(
        self,
        name: str = "",
        *,
        shown: str = "",
        replica: int = 0,
        of: System | None = None,
        wired: bool = False,
        **options: Any,
    ) -> Window: ...


class MakeTown(Protocol):
    """Makes an installation of one's own; enter it with ``async with``."""

    def __call__(self, **options: Any) -> System: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker for all of them: they share a browser and an installation.

    They share a loop too, by ``pytestmark`` of each file: it is chosen before this is called.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(_TIMEOUT_S))
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put what the processes complained of beside the failure."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    system = item.stash.get(_SYSTEM, None)
    if report.failed and system is not None:
        report.sections.append(("processes", _notable(system)))
    return report


def _notable(system: System) -> str:
    records = [
        (service.name, record)
        for service in system.services
        for record in service.records()
        if record.get("level") != "info"
    ]
    return "\n".join(f"{name}: {record}" for name, record in records[-_LOG_LINES:])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium; skipped where it is missing."""
    chromium = require("chromium")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        await running.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def town(
    server_folder: Path, postgres_server: Postgres, databases: Databases
) -> AsyncIterator[System]:
    """Two replicas and a writer for all tests, on a Valkey that no other test empties."""
    folder = server_folder / "browser"
    valkey = Valkey(folder / "valkey", options={"appendfsync": "no"})
    valkey.start()
    database = databases.create(migrated=True)
    try:
        async with System(valkey.url, postgres_server.url_of(database), folder) as system:
            yield system
    finally:
        valkey.stop()
        databases.drop(database)


@pytest.fixture
def system(request: pytest.FixtureRequest, town: System, postgres_server: Postgres) -> System:
    """The installation, with its database running whatever a test before has done."""
    postgres_server.start()
    request.node.stash[_SYSTEM] = town
    return town


@pytest.fixture
def make_town(
    request: pytest.FixtureRequest, redis_url: str, database_url: str, tmp_path: Path
) -> MakeTown:
    """Make an installation on fresh servers, to be hurt; options are those of ``System``."""

    def make(**options: Any) -> System:
        own = System(redis_url, database_url, tmp_path / "town", **options)
        request.node.stash[_SYSTEM] = own
        return own

    return make


@pytest_asyncio.fixture(loop_scope="session")
async def open_window(
    request: pytest.FixtureRequest, browser: Browser, system: System, tmp_path: Path
) -> AsyncIterator[OpenWindow]:
    """Open windows; afterwards none of them has anything to complain about."""
    windows: list[Window] = []
    wires: list[Wire] = []

    async def open_one(
        name: str = "",
        *,
        shown: str = "",
        replica: int = 0,
        of: System | None = None,
        wired: bool = False,
        **options: Any,
    ) -> Window:
        installation = of or system
        defaults = {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}}
        context = await browser.new_context(**(defaults | options))
        service = installation.replicas[replica]
        if wired:
            wire = Wire(service.port)
            await wire.start()
            wires.append(wire)
            window = Window(context, wire.url, wire)
        else:
            window = Window(context, service.url)
        windows.append(window)
        if name:
            account = f"{name}{next(_numbers)}"
            person = await installation.register(account, replica)
            if shown:
                await person.request("PATCH", "/api/v1/me", json={"name": shown})
            await window.log_in(person, shown or account.title())
        window.page = await context.new_page()
        return window

    yield open_one
    complaints = [complaint for window in windows for complaint in window.unexpected]
    for number, window in enumerate(windows):
        if complaints or request.node.stash.get(_FAILED, False):
            await window.page.screenshot(path=tmp_path / f"window-{number}.png")
        await window.context.close()
    for wire in wires:
        await wire.close()
    assert not complaints, "\n".join(complaints)
