"""Imports point one way, and only one layer speaks to each outside thing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, SERVER, files, parsed, shown

MAY_IMPORT = {
    "domain": set[str](),
    "runtime": set[str](),
    "state": {"domain", "runtime"},
    "storage": {"domain", "runtime"},
    "auth": {"domain", "runtime"},
    "archive": {"domain", "runtime", "state", "storage"},
    "chat": {"domain", "runtime", "state", "auth", "archive"},
    "website": {"domain", "runtime", "state", "storage", "auth", "archive", "files"},
    "writer": {"domain", "runtime", "state", "storage", "archive"},
    "push": {"domain", "runtime", "storage", "auth"},
    "local": {"domain", "runtime", "storage"},
    "hooks": {"domain", "runtime", "storage"},
    "files": {"domain", "runtime"},
}
# What puts every process together may know all of them.
MAY_IMPORT["services"] = set(MAY_IMPORT) - {"local"}
SPEAKS = {
    "asyncpg": {"storage"},
    "sqlalchemy": {"storage"},
    "alembic": {"storage"},
    "PIL": {"files"},
    "aiosql": {"storage"},
    "redis": {"state", "local"},
    "aiohttp": {"chat", "website", "runtime", "auth", "push", "hooks", "files", "services"},
}
LOAD_TEST = ROOT / "loadtest"
LOAD_TEST_MAY_IMPORT = {
    "": {"local"},
    "accounts.py": {"domain", "runtime", "storage", "auth"},  # people, past the log-in throttle
    "system.py": {"local", "storage"},
    "redis_cost.py": {"domain", "runtime", "state"},  # the calls of a replica
    "writer_cost.py": {"domain", "runtime", "state", "storage"},  # those, and a writer's
    "stores.py": {"domain", "state"},  # rows of rooms by the ten thousand, and what waits in Redis
}
"""The load test sees a server as its people do, but where it makes them, and where it starts it."""

IMPURE = {"asyncio", "socket", "time", "os", "subprocess", "threading", "logging"}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything that a file imports."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def layer_of(path: Path) -> str:
    """Return the layer of a file; of one that lies at the top, its own name."""
    return path.relative_to(SERVER).parts[0].removesuffix(".py")


def wrong_imports(layer: str, names: Iterator[tuple[int, str]]) -> Iterator[str]:
    """Yield what a file of a layer must not import."""
    for line, name in names:
        parts = name.split(".")
        top = parts[0]
        if top == "server" and len(parts) > 1 and parts[1] in MAY_IMPORT:
            if parts[1] != layer and parts[1] not in MAY_IMPORT[layer]:
                yield f"line {line}: {layer} imports {name}"
        elif layer not in SPEAKS.get(top, {layer}):
            yield f"line {line}: {name} in {layer}, which does not speak to that"
        elif layer == "domain" and top in IMPURE:
            yield f"line {line}: {name} in domain, which is pure"


@pytest.mark.parametrize("layer", sorted(MAY_IMPORT))
def test_a_layer_imports_only_what_lies_below_it(layer: str) -> None:
    wrong = [
        f"{shown(path)}, {problem}"
        for path in files(".py", under=SERVER)
        if layer_of(path) == layer
        for problem in wrong_imports(layer, imports(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_every_folder_is_a_known_layer() -> None:
    found = {layer_of(path) for path in files(".py", under=SERVER)} - {"__init__", "__main__"}
    assert found <= set(MAY_IMPORT)


def wrong_in_load_test(file: str, names: Iterator[tuple[int, str]]) -> Iterator[str]:
    """Yield what a file of the load test must not import."""
    allowed = LOAD_TEST_MAY_IMPORT.get(file, LOAD_TEST_MAY_IMPORT[""])
    for line, name in names:
        top, _, rest = name.partition(".")
        if top == "server" and rest.partition(".")[0] not in allowed:
            yield f"line {line}: {name}"


def test_the_load_test_reaches_into_the_server_at_two_places_only() -> None:
    wrong = [
        f"{shown(path)}, {problem}"
        for path in files(".py", under=LOAD_TEST)
        for problem in wrong_in_load_test(path.relative_to(LOAD_TEST).as_posix(), imports(path))
    ]
    assert not wrong, "\n".join(wrong)
    assert list(wrong_in_load_test("crowd.py", iter([(1, "server.storage.users.Users")])))


def test_the_server_knows_nothing_of_the_load_test() -> None:
    wrong = [
        f"{shown(path)}, line {line}: {name}"
        for path in files(".py", under=SERVER)
        for line, name in imports(path)
        if name.partition(".")[0] == "loadtest"
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("chat", "server.storage.pool.open_pool"),
        ("chat", "server.website.app"),
        ("writer", "redis.asyncio.Redis"),
        ("website", "asyncpg.Pool"),
        ("domain", "server.runtime.settings.Settings"),
        ("domain", "asyncio"),
    ],
)
def test_the_rule_sees_a_wrong_import(layer: str, name: str) -> None:
    assert list(wrong_imports(layer, iter([(1, name)])))
