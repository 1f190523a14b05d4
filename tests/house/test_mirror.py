"""Tests lie where a reader looks for them, and their names are sentences."""

from __future__ import annotations

import ast
import re

from tests.house.test_layers import MAY_IMPORT
from tests.house.tree import ROOT, SERVER, files, parsed, shown

TESTS = ROOT / "tests"
LEAST_WORDS = 3
"""Counted without the leading test: "a window ends"."""


def test_every_layer_has_its_folder_of_tests() -> None:
    layers = {layer for layer in MAY_IMPORT if (SERVER / layer).is_dir()}
    bare = {layer for layer in layers if not list((TESTS / layer).glob("test_*.py"))}
    assert not bare


def test_test_names_are_sentences() -> None:
    short = [
        f"{shown(path)}: {node.name}"
        for path in files(".py", under=TESTS)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and len(node.name.split("_")) <= LEAST_WORDS
    ]
    assert not short, "\n".join(short)


def test_people_in_tests_have_names() -> None:
    nameless = re.compile(r"""["'](foo|bar|baz|user\d+|test_?user)["'@]""")
    found = [shown(path) for path in files(".py", under=TESTS) if nameless.search(path.read_text())]
    assert not [path for path in found if not path.endswith("test_mirror.py")]
