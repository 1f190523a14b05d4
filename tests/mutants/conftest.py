"""A stage for each test: systems like those of the scenarios, and a Redis that may die."""

from __future__ import annotations

from tests.scenarios.conftest import make_system, own_redis, pytest_runtest_makereport

__all__ = ["make_system", "own_redis", "pytest_runtest_makereport"]
