from __future__ import annotations

import json

import pytest

from loadtest.outcome import (
    BadRunError,
    Figure,
    Latency,
    Point,
    Round,
    Run,
    Scenario,
    from_json,
    to_json,
)

LATENCY = Latency(9, 1.0, 2.0, 3.0, 3.5, 4.25, "SGlzdA==")
RUN = Run(
    at="2026-01-02T03:04:05+00:00",
    command=["big-room", "--seconds", "5"],
    seed=7,
    machine={"cores": "2"},
    version="1.0",
    scenarios=[
        Scenario(
            "big-room",
            {"members": 50, "rate": 20.5, "loop": "uvloop"},
            [
                Round(
                    seconds=5.0,
                    expected=10,
                    received=9,
                    errors={"busy": 1},
                    latency=LATENCY,
                    more={"log in": LATENCY},
                    series=[Point(0.0, 9, 1.0, 3.0, 4.25)],
                    cpu={"server": 0.25},
                    memory={"server": 1 << 20},
                    figures={"connects": Figure(4100.0, "1/s")},
                ),
                Round(seconds=5.0),
            ],
        )
    ],
)


def test_a_run_that_was_written_reads_the_same() -> None:
    assert from_json(to_json(RUN)) == RUN


def test_the_file_has_the_names_that_people_know() -> None:
    first = json.loads(to_json(RUN))["scenarios"][0]["rounds"][0]
    assert first["latency"]["p99.9"] == pytest.approx(3.5)
    assert first["more"]["log in"]["count"] == 9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format"),
        ({"seed": "seven"}, "seed"),
        ({"scenarios": [{"name": "big-room", "settings": {}}]}, "scenarios.0.rounds"),
    ],
)
def test_a_text_that_is_no_run_is_refused_with_the_place(
    change: dict[str, object], said: str
) -> None:
    text = json.dumps(json.loads(to_json(RUN)) | change)
    with pytest.raises(BadRunError, match=said):
        from_json(text)


def test_what_is_no_json_is_refused_in_words() -> None:
    with pytest.raises(BadRunError, match="not a run"):
        from_json("<html>")
