"""Reads the compose file as Docker Compose does, as far as ours goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = ("website", "chat", "writer", "migrate")

_VARIABLE = re.compile(
    r"\$\$|\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<words>(?:[^{}]|\$\{\w+\})*))?\}"
)


class MissingError(Exception):
    """A variable that must be set is not."""


def read_env(text: str) -> dict[str, str]:
    """Return what an .env file sets; lines behind a # set nothing."""
    return dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", text, re.MULTILINE))


def filled_in() -> dict[str, str]:
    """Return the example of an environment with its empty secrets filled in."""
    env = read_env((ROOT / ".env.example").read_text())
    secrets = {
        "POSTGRES_PASSWORD": "p4ss/w:rd@",
        "REDIS_PASSWORD": "r3dis",
        "JWT_SECRET_KEY": "0123456789abcdef" * 2,
    }
    assert all(env[name] == "" for name in secrets)
    return env | secrets


def interpolate(text: str, env: Mapping[str, str]) -> str:
    """Replace ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?words}``."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        given = env.get(match["name"], "")
        if given or match["kind"] is None:
            return given
        if match["kind"] == ":?":
            raise MissingError(match["words"])
        return interpolate(match["words"], env)

    return _VARIABLE.sub(value, text)


def compose(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the whole file with variables replaced.

    Raises:
        MissingError: as Docker Compose would refuse.
    """

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list):
            return [walk(value) for value in node]
        return interpolate(node, env) if isinstance(node, str) else node

    parsed: dict[str, Any] = walk(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))
    return parsed


def services(env: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Return the services with the filled-in example, or with ``env``."""
    found: dict[str, dict[str, Any]] = compose(filled_in() if env is None else env)["services"]
    return found


def seconds(duration: str) -> float:
    """Return a duration such as ``35s`` in seconds."""
    assert duration.endswith("s"), duration
    return float(duration.removesuffix("s"))
