"""The judge can fail: it sees every fault that is built into a copy of the server.

And it sees nothing in a copy without one, whatever is done to that.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from server.local.valkey import Valkey
from tests.mutants import provocations
from tests.mutants.mutation import copy_server
from tests.mutants.mutations import MUTATIONS
from tests.mutants.provocations import Provocation
from tests.mutants.stage import Stage
from tests.scenarios.conftest import MakeSystem

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(120)]

PROVOCATIONS = [
    function
    for _, function in inspect.getmembers(provocations, inspect.iscoroutinefunction)
    if function.__module__ == provocations.__name__
]


@pytest.mark.parametrize("name", MUTATIONS)
async def test_the_judge_sees_that(
    name: str, make_system: MakeSystem, own_redis: Valkey, tmp_path: Path
) -> None:
    provoke, mutation = MUTATIONS[name]
    root = copy_server(tmp_path / "altered", mutation)
    problems = await provoke(Stage(make_system, root, own_redis, right=False))
    found = [
        each for each in problems if each.startswith(mutation.letter) and mutation.words in each
    ]
    assert found, f"{mutation.letter}: … {mutation.words} … is not among {problems[:20]}"


@pytest.mark.parametrize("provoke", PROVOCATIONS, ids=lambda each: each.__name__)
async def test_the_judge_sees_nothing_wrong_when(
    provoke: Provocation, make_system: MakeSystem, own_redis: Valkey, tmp_path: Path
) -> None:
    root = copy_server(tmp_path / "unaltered")
    problems = await provoke(Stage(make_system, root, own_redis, right=True))
    assert not problems, "\n".join(problems[:20])
