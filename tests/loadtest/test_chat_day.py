"""The chat day: real users of Locust, in processes of their own, on a whole system."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.accounts import OwnSite
from loadtest.options import Options, Stand
from loadtest.outcome import Round
from loadtest.progress import Progress
from loadtest.scenarios import QUESTIONS
from loadtest.users.run import ROOT

pytestmark = pytest.mark.scenario


async def day(site: OwnSite, folder: Path, told: io.StringIO, **numbers: float) -> Round:
    question = QUESTIONS["chat-day"]
    small = {"users": 8, "people": 4, "rooms": 2, "spawn_rate": 8, "pace": 6.0}
    options = Options(**{**question.defaults, **small, "warm_up": 1.0, **numbers})  # type: ignore[arg-type]
    stand = Stand(site, options, Progress(told), asyncio.Event(), folder)
    (measured,) = [each async for each in question.measure(stand)]
    return measured


async def a_full_day(site: OwnSite, folder: Path, told: io.StringIO, **numbers: float) -> Round:
    """Live a day in which people of every kind do what they do; a slow machine needs a long one."""
    done = {"connect", "typing", "send to ack", "send to own delivery", "read", "resume"}
    for seconds in (5.0, 15.0):
        measured = await day(site, folder, told, seconds=seconds, **numbers)
        assert measured.errors == {}
        assert measured.received == measured.expected > 0
        if measured.more.keys() >= done and measured.latency is not None:
            return measured
    raise AssertionError(f"nobody did {done - measured.more.keys()}, or nobody heard another")


async def test_people_live_a_day_and_nothing_is_lost(site: OwnSite, tmp_path: Path) -> None:
    told = io.StringIO()
    measured = await a_full_day(site, tmp_path, told)
    assert (measured.duplicate, measured.out_of_order) == (0, 0)
    assert measured.cpu["server"] > 0
    assert measured.cpu["loadtest"] > 0
    assert "8 users" in told.getvalue()
    names = {path.name for path in (tmp_path / "chat-day").iterdir()}
    assert {"locust.html", "locust_stats.csv", "locust_stats_history.csv"} <= names


async def test_workers_share_the_town_of_their_master(site: OwnSite, tmp_path: Path) -> None:
    await a_full_day(site, tmp_path, io.StringIO(), workers=1)


def test_locust_patches_nothing_outside_its_own_process() -> None:
    code = "import sys, loadtest.__main__; sys.exit('gevent' in sys.modules)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=ROOT, timeout=30)
    assert "gevent" not in sys.modules


@pytest.mark.parametrize("name", ["locustfile", "big_room", "idle"])
def test_an_operator_who_knows_locust_can_use_the_users_alone(name: str, site: OwnSite) -> None:
    command = [sys.executable, "-m", "locust", "-f", f"loadtest/users/{name}.py", "--headless"]
    limits = ["-u", "3", "-r", "3", "-t", "3s", "--stop-timeout", "5", "--only-summary"]
    town = ["--accounts", "2", "--rooms", "1", "--pace", "10", "--host", site.address.url]
    env = {"PATH": os.defpath, "PYTHONPATH": os.fspath(ROOT)}
    done = subprocess.run(
        [*command, *limits, *town], cwd=ROOT, env=env, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr
    assert "connect" in done.stderr


def test_a_system_that_does_not_answer_is_told_in_one_sentence() -> None:
    command = [sys.executable, "-m", "locust", "-f", "loadtest/users/idle.py", "--headless"]
    done = subprocess.run(
        [*command, "-u", "1", "-t", "5s", "--host", "http://127.0.0.1:9"],
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": os.fspath(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 3
    assert "the load test cannot begin: http://127.0.0.1:9 does not answer" in done.stderr
