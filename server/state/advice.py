"""What is risky about the way Redis is set up: said once at start, never a reason to refuse.

A restricted user may not read the configuration. What INFO says is used then; what nobody says
is not guessed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from server.state.layout import Command, fields_of
from server.state.router import Router
from server.state.servers import UNREACHABLE

logger = logging.getLogger(__name__)

MOST_LAG_S = 10
MOST_NODE_TIMEOUT_MS = 5000
LEAST_PUBSUB_BYTES = 32 * 1024 * 1024
LEAST_PUBSUB_SOFT_BYTES = 8 * 1024 * 1024

_ASKED = (
    *("maxmemory-policy", "appendonly", "appendfsync", "min-replicas-to-write"),
    *("min-replicas-max-lag", "cluster-node-timeout", "client-output-buffer-limit"),
)

_SECTIONS = ("memory", "persistence", "replication")
_QUESTIONS: Final[list[Command]] = [("INFO", *_SECTIONS), ("CONFIG", "GET", *_ASKED)]


class Facts(NamedTuple):
    """What one master says about itself; what it did not say is missing."""

    config: Mapping[str, str]
    replicated: bool
    replicas: int


def risks(facts: Facts) -> list[str]:
    """Return what is risky, a sentence each."""
    config = facts.config
    found = []

    def when(name: str, bad: Callable[[str], bool], words: str) -> None:
        if name in config and bad(config[name]):
            found.append(f"{name} is {config[name]}: {words}")

    when(
        "maxmemory-policy",
        lambda value: value != "noeviction",
        "when memory is full Redis forgets messages that are not saved; use noeviction",
    )
    when(
        "appendonly",
        lambda value: value != "yes",
        "a restart forgets what is not saved; use yes",
    )
    if config.get("appendonly") == "yes":
        when(
            "appendfsync",
            lambda value: value == "no",
            "a power cut loses what the system had not written; use everysec or always",
        )
    if facts.replicated:
        when(
            "min-replicas-to-write",
            lambda value: value == "0",
            "a master that is cut off takes messages that are lost afterwards; use 1",
        )
        when(
            "min-replicas-to-write",
            lambda value: 0 < facts.replicas <= int(value),
            f"there are {facts.replicas} replicas, so nobody can write without any one of them",
        )
        if config.get("min-replicas-to-write") != "0":
            when(
                "min-replicas-max-lag",
                lambda value: not 0 < int(value) <= MOST_LAG_S,
                f"a master that is cut off is noticed late; use at most {MOST_LAG_S}",
            )
    when(
        "cluster-node-timeout",
        lambda value: int(value) > MOST_NODE_TIMEOUT_MS,
        f"nobody can write for longer when a master dies; use at most {MOST_NODE_TIMEOUT_MS}",
    )
    when(
        "client-output-buffer-limit",
        _is_small,
        "a listener that is slow for a moment is cut off; use pubsub 64mb 32mb 30",
    )
    return found


async def advise(router: Router) -> None:
    """Log a warning for each risk; whatever fails is no reason to fail."""
    found: dict[str, int] = {}
    try:
        for info, config in await router.ask_masters(_QUESTIONS):
            facts = _facts(info, config, cluster=router.cluster, watched=router.watched)
            for risk in risks(facts):
                found[risk] = found.get(risk, 0) + 1
    except UNREACHABLE as error:
        logger.info("the settings of Redis are unknown", extra={"reason": type(error).__name__})
    for risk, servers in found.items():
        logger.warning("a setting of Redis is risky", extra={"risk": risk, "servers": servers})


def _facts(told: Any, configured: Any, *, cluster: bool, watched: bool) -> Facts:
    config: dict[str, str] = {}
    # A user that may not ask gets an error instead.
    info = {} if isinstance(told, Exception) else fields_of(told)
    if "maxmemory_policy" in info:
        config["maxmemory-policy"] = info["maxmemory_policy"]
    if "aof_enabled" in info:
        config["appendonly"] = "yes" if info["aof_enabled"] == "1" else "no"
    if not isinstance(configured, Exception):
        config |= _pairs(configured)
    if not cluster:
        config.pop("cluster-node-timeout", None)
    replicas = int(info.get("connected_slaves", 0))
    return Facts(config, cluster or watched or replicas > 0, replicas)


def _pairs(flat: Sequence[bytes]) -> dict[str, str]:
    words = [each.decode() for each in flat]
    return dict(zip(words[::2], words[1::2], strict=True))


def _is_small(limits: str) -> bool:
    """Tell whether listeners are cut off early; limits are in bytes, 0 is none."""
    words = limits.split()
    if "pubsub" not in words:
        return False
    hard, soft = (int(each) for each in words[words.index("pubsub") + 1 :][:2])
    return 0 < hard < LEAST_PUBSUB_BYTES or 0 < soft < LEAST_PUBSUB_SOFT_BYTES
