"""What people get of a run: a table, ``run.json``, ``report.html``, and what missed its threshold.

``summary`` takes rounds together, ``thresholds`` judges, ``compare`` sets two runs side by side;
``table`` and ``html`` with ``plots`` show all of it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.outcome import Run, to_json
from loadtest.report import compare as comparing
from loadtest.report import html, table
from loadtest.report import thresholds as judging
from loadtest.report.summary import summarize
from loadtest.report.thresholds import Threshold

RUN_FILE = "run.json"
PAGE_FILE = "report.html"


def write(
    run: Run, out: Path, thresholds: Sequence[Threshold] = (), compare: Run | None = None
) -> list[str]:
    """Print the table, write both files into ``out``, and return the missed thresholds.

    Raises:
        BadRunError: a histogram of either run cannot be read; ``run.json`` is written before.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / RUN_FILE).write_text(to_json(run))
    summaries = [summarize(scenario) for scenario in run.scenarios]
    verdicts = judging.judge(summaries, thresholds)
    comparisons = comparing.compare(run, compare) if compare else []
    told = table.text(summaries, verdicts)
    if compare:
        missing = comparing.unlike(comparisons, run)
        told += f"\n\n{table.compared(comparisons, compare.at, missing)}"
    sys.stdout.write(f"\n{told}\n")
    page = html.page(run, summaries, verdicts, comparisons, compare)
    (out / PAGE_FILE).write_text(page)
    return judging.missed(verdicts)
