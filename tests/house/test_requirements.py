"""Every library that the code imports is pinned, and so is what that library needs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.test_layers import imports, layer_of
from tests.house.tree import ROOT, SERVER, files, parsed

LISTS = (
    "requirements.txt",
    "server/local/requirements.txt",
    "loadtest/requirements.txt",
    "requirements-dev.txt",
)


def read(name: str) -> list[Requirement]:
    """Return the pins of a list and of the list that it builds on."""
    found: list[Requirement] = []
    path = ROOT / name
    for line in path.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found += read(str(path.parent / text[3:]))
        elif text:
            found.append(Requirement(text))
    return found


def names(name: str) -> set[str]:
    return {canonicalize_name(pin.name) for pin in read(name)}


def needs(pin: Requirement) -> set[str]:
    """Return what an installed distribution needs, with the extras that were asked for."""
    needed: set[str] = set()
    for text in metadata.requires(pin.name) or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": e}) for e in (pin.extras or {""})):
            needed.add(canonicalize_name(requirement.name))
    return needed


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_is_one_exact_version_that_is_installed(name: str) -> None:
    pins = read(name)
    assert len(pins) == len({pin.name.lower() for pin in pins})
    for pin in pins:
        assert str(pin.specifier) == f"=={metadata.version(pin.name)}", pin.name


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_complete(name: str) -> None:
    missing = {need: pin.name for pin in read(name) for need in needs(pin) - names(name)}
    assert not missing


@cache
def installed() -> Mapping[str, list[str]]:
    """Return which distributions give each module that can be imported."""
    return metadata.packages_distributions()


def imported(path: Path) -> set[str]:
    """Return the distributions that a file of the server imports."""
    return distributions(name for _, name in imports(path))


def distributions(modules: Iterable[str]) -> set[str]:
    """Return what is to be installed for these modules, other than our own."""
    where = installed()
    tops = {name.partition(".")[0] for name in modules}
    foreign = tops - set(sys.stdlib_module_names) - {"server", "tests", "loadtest"}
    return {canonicalize_name(where.get(top, [top])[0]) for top in foreign}


def test_what_the_services_import_is_in_their_list() -> None:
    used = {
        name: path.name
        for path in files(".py", under=SERVER)
        for name in imported(path)
        if layer_of(path) != "local"
    }
    assert not {name: used[name] for name in used.keys() - names("requirements.txt")}


def test_what_the_launcher_imports_is_in_its_list() -> None:
    used = {name for path in files(".py", under=SERVER / "local") for name in imported(path)}
    assert used <= names("server/local/requirements.txt")


def test_what_the_load_test_imports_is_in_its_list() -> None:
    used = {
        name: path.name
        for path in files(".py", under=ROOT / "loadtest")
        for node in ast.walk(parsed(path))
        for name in distributions(_modules(node))
    }
    assert not {name: used[name] for name in used.keys() - names("loadtest/requirements.txt")}


def test_what_the_tests_import_is_in_the_list_of_developers() -> None:
    used = {
        name: path.name
        for path in files(".py", under=ROOT / "tests")
        for node in ast.walk(parsed(path))
        for name in distributions(_modules(node))
    }
    assert not {name: used[name] for name in used.keys() - names("requirements-dev.txt")}


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
