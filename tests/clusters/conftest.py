"""Clusters and Sentinel groups of real servers, and systems on top of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clusters.cluster import Cluster
from tests.clusters.network import Network, need_network
from tests.clusters.sentinels import Sentinels
from tests.helpers import require
from tests.scenarios.conftest import make_system, pytest_runtest_makereport

SENTINEL_PASSWORD = "of-the-sentinels"

MAX_LAG_S = 3

__all__ = ["make_system", "pytest_runtest_makereport"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test here the time that servers need to agree."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.scenario)
            item.add_marker(pytest.mark.timeout(240))
            if "cut_cluster" in getattr(item, "fixturenames", ()):
                # A browser drops all that it loads when an interface comes or goes.
                item.add_marker(pytest.mark.xdist_group("browser"))


def binary_of(request: pytest.FixtureRequest) -> Path | None:
    """Return the server that ``parametrize(..., REDIS_KINDS, indirect=True)`` asks for."""
    kind = getattr(request, "param", "valkey")
    return None if kind == "valkey" else require("redis-server")


@pytest.fixture
def fresh_folder(server_folder: Path) -> Iterator[Callable[[str], Path]]:
    """Give folders for servers, removed afterwards."""
    made: list[Path] = []

    def make(name: str) -> Path:
        folder = server_folder / f"{name}-{len(made)}"
        made.append(folder)
        return folder

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest, fresh_folder: Callable[[str], Path]
) -> Iterator[Cluster]:
    """Three masters with a replica each."""
    made = Cluster(fresh_folder("cluster"), binary=binary_of(request))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def cut_cluster(
    request: pytest.FixtureRequest, fresh_folder: Callable[[str], Path]
) -> Iterator[Cluster]:
    """Three masters with two replicas each, in a network that can be cut in two.

    With one each, nobody could write after any failure: a master must have a replica to write.
    """
    need_network()
    network = Network()
    network.open()
    try:
        made = Cluster(
            fresh_folder("cut"),
            binary=binary_of(request),
            network=network,
            replicas=2,
            options={"min-replicas-to-write": "1", "min-replicas-max-lag": str(MAX_LAG_S)},
        )
        try:
            made.start()
            yield made
        finally:
            made.stop()
    finally:
        network.close()


@pytest.fixture
def sentinels(
    request: pytest.FixtureRequest, fresh_folder: Callable[[str], Path]
) -> Iterator[Sentinels]:
    """A master, two replicas, three Sentinels; both kinds ask for a password."""
    made = Sentinels(
        fresh_folder("sentinels"),
        binary=binary_of(request),
        password="of the servers",
        sentinel_password=SENTINEL_PASSWORD,
    )
    try:
        made.start()
        yield made
    finally:
        made.stop()
