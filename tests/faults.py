"""Tests by the fault that they show: ``./scripts/test --fault 2`` runs those of row 2.

The rows are those of ``docs/reliability.md``; a test says ``@pytest.mark.fault(2)``.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer ``--fault``."""
    parser.addoption(
        "--fault",
        type=int,
        action="append",
        metavar="ROW",
        help="run the tests of this row of docs/reliability.md; may be repeated",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the rows that were asked for."""
    wanted = config.getoption("--fault")
    if not wanted:
        return
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        rows = {row for mark in item.iter_markers("fault") for row in mark.args}
        (kept if rows & set(wanted) else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
