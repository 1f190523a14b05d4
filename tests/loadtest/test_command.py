"""The command as people call it: what it says, what it leaves behind, how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.__main__ import COULD_NOT_RUN, GOOD, MISSED, STOPPED, main
from loadtest.outcome import from_json
from loadtest.scenarios import QUESTIONS
from loadtest.system import System
from tests.helpers import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["big-room", "--members", "4", "--rate", "10", "--seconds", "0.5", "--warm-up", "0.1"]
WRONG_USE = 2


@pytest.mark.scenario
def test_a_run_against_an_address_leaves_a_report_and_ends_well(
    system: System, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "first"
    code = main([*SMALL, "--rounds", "2", "--url", system.url, "--out", str(out)])
    assert code == GOOD
    run = from_json((out / "run.json").read_bytes())
    assert [each.received for each in run.scenarios[0].rounds] == [20, 20]
    assert "<html" in (out / "report.html").read_text()
    told = capfd.readouterr()
    assert "received 20 of 20" in told.err
    assert str(out / "report.html") in told.out


@pytest.mark.scenario
def test_a_missed_threshold_is_exit_code_1(
    system: System, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    limits = ["--threshold", "big-room:p99<=0.001ms", "--rounds", "1"]
    code = main([*SMALL, *limits, "--url", system.url, "--out", str(tmp_path)])
    assert code == MISSED
    assert "big-room" in capfd.readouterr().out


def test_an_address_that_does_not_answer_is_one_sentence_and_exit_code_3(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert main([*SMALL, "--url", url, "--out", str(tmp_path / "none")]) == COULD_NOT_RUN
    told = capfd.readouterr()
    assert f"beseda: {url} cannot be reached" in told.err
    assert not told.out
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ["small-room"],
        ["big-room", "--members", "0"],
        ["big-room", "--size", "10"],
        ["idle", "--find-max", "p99<=50ms"],
        ["big-room", "--find-max", "soon"],
        ["big-room", "--threshold", "p99"],
        ["big-room", "--url", "http://localhost", "--replicas", "2"],
        ["big-room", "--compare", "no-such.json"],
    ],
)
def test_wrong_use_is_exit_code_2(wrong: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == WRONG_USE
    assert "scripts/loadtest: error: " in capfd.readouterr().err


def test_the_list_has_every_scenario(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == GOOD
    told = capfd.readouterr().out
    assert all(f"\n{name} " in f"\n{told}" for name in QUESTIONS)


@pytest.mark.scenario
async def test_ctrl_c_ends_with_a_report_of_what_was_measured(
    system: System, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "loadtest", *SMALL, "--seconds", "600"]
    told = tmp_path / "told.txt"
    with told.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--url", system.url, "--out", tmp_path], cwd=ROOT, stderr=output
        )
    try:
        await wait_until(lambda: b"deliveries/s" in told.read_bytes(), 30, "a second was measured")
        process.send_signal(signal.SIGINT)
        await wait_until(lambda: process.poll() is not None, 30, "it ended")
    finally:
        process.kill()
        process.wait()
    assert process.returncode == STOPPED
    (found,) = from_json((tmp_path / "run.json").read_bytes()).scenarios[0].rounds
    assert found.received == found.expected > 0
    assert 0.9 < found.seconds < 60
