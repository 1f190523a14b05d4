"""A stage for each test: systems like those of the scenarios, and a Redis that may die."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.local.valkey import Valkey
from tests.scenarios.conftest import make_system, pytest_runtest_makereport

__all__ = ["make_system", "pytest_runtest_makereport"]


@pytest.fixture
def own_redis(server_folder: Path) -> Iterator[Valkey]:
    """A Redis of this test alone, with the persistence of production."""
    server = Valkey(server_folder / "mortal")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)
