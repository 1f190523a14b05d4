"""Figures that tests measure by the way: shown at the end of a run, one line each.

    async def test_…(figure: Figure) -> None:
        figure("everybody is back", seconds, "s")

They are reported, not judged; what must hold is an assertion beside them.
"""

from __future__ import annotations

from typing import Any, Protocol

import pytest


class Figure(Protocol):
    """Notes a measured value."""

    def __call__(self, what: str, value: float, unit: str) -> None: ...


@pytest.fixture
def figure(record_property: Any) -> Figure:
    """Note a measured value for the end of the run."""

    def note(what: str, value: float, unit: str) -> None:
        record_property("figure", f"{what}: {value:.4g} {unit}")

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show every figure beside the name of its test."""
    lines = [
        f"{report.nodeid.rpartition('/')[2]}  {value}"
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in report.user_properties
        if name == "figure"
    ]
    if lines:
        terminalreporter.section("figures")
        for line in sorted(lines):
            terminalreporter.line(line)
