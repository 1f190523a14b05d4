"""The files of the project, and the strings in its Python."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "server"

_OTHERS = {"__pycache__", "node_modules", "shots", "results", "vendor"}
_DOTTED = {".ci", ".gitignore", ".dockerignore", ".env.example"}


@cache
def files(*suffixes: str, under: Path = ROOT) -> tuple[Path, ...]:
    """Return every file of ours below a folder, with one of the endings if any are given."""
    found = []
    for folder, folders, names in os.walk(under):
        folders[:] = [
            name for name in folders if name not in _OTHERS and (name[0] != "." or name in _DOTTED)
        ]
        found += [
            Path(folder, name)
            for name in names
            if (name[0] != "." or name in _DOTTED) and (not suffixes or name.endswith(suffixes))
        ]
    return tuple(sorted(found))


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(), str(path))


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of each string in a Python file that is not a docstring."""
    tree = parsed(path)
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            if id(node) in docstrings:
                continue
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            yield node.lineno, text


def shown(path: Path) -> str:
    """Return a path as a reader writes it, from the root of the project."""
    return path.relative_to(ROOT).as_posix()
