"""What is risky about a Redis is said at start, and never stops anybody."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import redis

from server.local.valkey import Valkey
from server.state.advice import Facts, risks
from server.state.client import open_redis
from tests.conftest import MakeSettings
from tests.helpers import REDIS_KINDS

SOUND = {
    "maxmemory-policy": "noeviction",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "min-replicas-to-write": "1",
    "min-replicas-max-lag": "5",
    "cluster-node-timeout": "5000",
    "client-output-buffer-limit": "normal 0 0 0 pubsub 67108864 33554432 30",
}


def test_a_sound_redis_has_no_risk() -> None:
    assert risks(Facts(SOUND, replicated=True, replicas=2)) == []


def test_what_nobody_says_is_not_guessed() -> None:
    assert risks(Facts({}, replicated=True, replicas=0)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxmemory-policy", "allkeys-lru"),
        ("appendonly", "no"),
        ("appendfsync", "no"),
        ("min-replicas-to-write", "0"),
        ("min-replicas-to-write", "2"),
        ("min-replicas-max-lag", "60"),
        ("cluster-node-timeout", "15000"),
        ("client-output-buffer-limit", "normal 0 0 0 pubsub 1048576 524288 60"),
        ("client-output-buffer-limit", "pubsub 67108864 1048576 60"),
    ],
)
def test_each_risky_setting_is_named_with_its_value(name: str, value: str) -> None:
    [risk] = risks(Facts({**SOUND, name: value}, replicated=True, replicas=2))
    assert risk.startswith(f"{name} is {value}: ")


def test_replicas_that_are_not_there_need_no_setting() -> None:
    alone = {**SOUND, "min-replicas-to-write": "0"}
    assert risks(Facts(alone, replicated=False, replicas=0)) == []


@pytest.fixture
def risky(redis_url: str, valkey_server: Valkey) -> Iterator[redis.Redis]:
    """The server with a setting that is risky, and a user who may not read any."""
    with redis.Redis.from_url(redis_url) as owner:
        owner.config_set("maxmemory-policy", "allkeys-lru")
        yield owner
        owner.config_set("maxmemory-policy", "noeviction")
        owner.execute_command("ACL", "DELUSER", "chat")


async def test_a_risk_is_said_once_at_start(
    risky: redis.Redis, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    risky.config_set("appendfsync", "everysec")
    with caplog.at_level(logging.WARNING, "server.state.advice"):
        async with open_redis(make_settings()):
            pass
    risky.config_set("appendfsync", "no")
    [said] = [vars(record)["risk"] for record in caplog.records]
    assert said.startswith("maxmemory-policy is allkeys-lru: ")


@pytest.mark.parametrize("rights", ["+@all -config", "+@all -config -info +info"])
async def test_a_user_who_may_not_read_the_configuration_can_work(
    risky: redis.Redis,
    make_settings: MakeSettings,
    caplog: pytest.LogCaptureFixture,
    rights: str,
) -> None:
    risky.execute_command("ACL", "SETUSER", "chat", "on", ">secret", "~*", "&*", *rights.split())
    host, port = make_settings().redis_url.get_secret_value().rpartition("//")[2].split(":")
    url = f"redis://chat:secret@{host}:{port}"
    async with open_redis(make_settings(redis_url=url)) as client:
        await client.ping()
    assert any(
        "maxmemory-policy" in vars(record)["risk"]
        for record in caplog.records
        if "risk" in vars(record)
    )


@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
async def test_a_user_who_may_not_load_functions_uses_what_is_there(
    redis_url: str, make_settings: MakeSettings
) -> None:
    async with open_redis(make_settings()):
        pass  # loads them
    with redis.Redis.from_url(redis_url) as owner:
        rights = [
            "~c:*",
            "&c:*",
            "+@all",
            "-function",
            "-config",
            "-@admin",
            "-@dangerous",
            "+info",
        ]
        owner.execute_command("ACL", "SETUSER", "chat", "reset", "on", ">secret", *rights)
        try:
            host = redis_url.rpartition("//")[2]
            async with open_redis(make_settings(redis_url=f"redis://chat:secret@{host}")) as client:
                await client.ping()
        finally:
            owner.execute_command("ACL", "DELUSER", "chat")
