"""The names of the tests that failed, one a line, in the file of ``--failed-to FILE``."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer ``--failed-to``."""
    parser.addoption("--failed-to", type=Path, metavar="FILE", help="write names of failed tests")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Write them; no test that failed, no line."""
    path: Path | None = config.getoption("failed_to")
    if path:
        stats = terminalreporter.stats
        names = {report.nodeid for kind in ("failed", "error") for report in stats.get(kind, [])}
        path.write_text("".join(f"{name}\n" for name in sorted(names)))
