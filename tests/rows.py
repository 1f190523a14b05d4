"""Tests by the row of a document that they show.

``./scripts/test --fault 2`` runs those of row 2 of ``docs/reliability.md``, and ``--complaint 3``
those of row 3 of ``docs/complaints.md``; a test says ``@pytest.mark.fault(2)``.
"""

from __future__ import annotations

from typing import Final

import pytest

DOCUMENTS: Final = {"fault": "docs/reliability.md", "complaint": "docs/complaints.md"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer ``--fault`` and ``--complaint``."""
    for word, document in DOCUMENTS.items():
        parser.addoption(
            f"--{word}",
            type=int,
            action="append",
            metavar="ROW",
            help=f"run the tests of this row of {document}; may be repeated",
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the rows that were asked for."""
    wanted = {(word, row) for word in DOCUMENTS for row in config.getoption(f"--{word}") or ()}
    if not wanted:
        return
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        rows = {
            (mark.name, row)
            for mark in item.iter_markers()
            for row in mark.args
            if mark.name in DOCUMENTS
        }
        (kept if rows & wanted else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
