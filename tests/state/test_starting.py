"""A process that starts before its Redis is ready waits for it, whatever Redis says meanwhile."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis.exceptions import AuthenticationError, NoPermissionError

from server.domain.errors import Refusal
from server.local.valkey import Valkey, wheel_binary
from server.state.client import open_redis
from server.state.passing import passing_reason
from tests.conftest import MakeSettings
from tests.helpers import free_port, wait_until

Hurt = Callable[[redis.Redis, Path], Callable[[], object]]


@pytest.fixture
def own_valkey(server_folder: Path) -> Iterator[Valkey]:
    """A server of this test alone."""
    server = Valkey(
        server_folder / "starting",
        options={"appendonly": "no", "busy-reply-threshold": "50", "enable-debug-command": "local"},
    )
    server.start()
    yield server
    server.kill()
    shutil.rmtree(server.folder)


def without_replicas(client: redis.Redis, _folder: Path) -> Callable[[], object]:
    client.config_set("min-replicas-to-write", 1)
    return lambda: client.config_set("min-replicas-to-write", 0)


def without_disk(client: redis.Redis, folder: Path) -> Callable[[], object]:
    client.config_set("save", "3600 1")
    (folder / "dump.rdb").mkdir()  # the snapshot cannot take its place
    client.set("alice", "here")
    client.bgsave()
    while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
        time.sleep(0.01)

    def mend() -> None:
        (folder / "dump.rdb").rmdir()
        client.bgsave()

    return mend


def with_a_long_script(client: redis.Redis, _folder: Path) -> Callable[[], object]:
    port = client.connection_pool.connection_kwargs["port"]
    other = socket.create_connection(("127.0.0.1", port))
    other.sendall(b'EVAL "while true do end" 0\r\n')

    def mend() -> None:
        client.execute_command("SCRIPT", "KILL")
        other.close()

    return mend


@pytest.mark.parametrize(
    ("hurt", "reason"),
    [(without_replicas, "NOREPLICAS"), (without_disk, "MISCONF"), (with_a_long_script, "BUSY")],
)
async def test_a_redis_that_is_not_ready_is_waited_for(
    hurt: Hurt,
    reason: str,
    own_valkey: Valkey,
    make_settings: MakeSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    settings = make_settings(redis_url=own_valkey.url, startup_s=20, redis_timeout_s=1)
    with redis.Redis.from_url(own_valkey.url) as client:
        mend = hurt(client, own_valkey.folder)
        opening = asyncio.create_task(opened(settings))
        await wait_until(lambda: "waiting for Redis" in caplog.text)
        await asyncio.sleep(0.6)
        mend()
        await opening
    [said] = [record for record in caplog.records if record.message == "waiting for Redis"]
    assert said.__dict__["reason"] == reason
    assert 0 < said.__dict__["left_s"] <= 20


async def opened(settings: object) -> None:
    async with open_redis(settings) as client:  # type: ignore[arg-type]
        await client.ping()


async def test_a_redis_that_reads_its_data_is_waited_for(
    own_valkey: Valkey,
    make_settings: MakeSettings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.runtime.patience.SAY_AGAIN_S", 0.1)
    caplog.set_level(logging.INFO)
    with redis.Redis.from_url(own_valkey.url) as client:
        client.execute_command("DEBUG", "POPULATE", 1500)
        client.save()
    own_valkey.kill()
    settings = make_settings(redis_url=own_valkey.url, startup_s=30)
    slow = subprocess.Popen(
        [
            wheel_binary(),
            *("--port", str(own_valkey.port), "--dir", str(own_valkey.folder)),
            *("--key-load-delay", "1500", "--loading-process-events-interval-bytes", "1024"),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        await opened(settings)
    finally:
        slow.kill()
        slow.wait(10)
    reasons = {r.__dict__["reason"] for r in caplog.records if r.message == "waiting for Redis"}
    assert "BusyLoadingError" in reasons


async def test_the_wait_for_redis_says_how_long_it_goes_on(
    make_settings: MakeSettings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.runtime.patience.SAY_AGAIN_S", 0.6)
    caplog.set_level(logging.INFO)
    url = f"redis://:secret-of-redis@127.0.0.1:{free_port()}/0"
    with pytest.raises(Refusal, match="Redis does not answer"):
        await opened(make_settings(redis_url=url, startup_s=2.2))
    left = [r.__dict__["left_s"] for r in caplog.records if r.message == "waiting for Redis"]
    assert 2 <= len(left) <= 4
    assert left == sorted(left, reverse=True)
    assert "secret-of-redis" not in caplog.text


@pytest.mark.parametrize("error", [AuthenticationError("no"), NoPermissionError("no")])
def test_what_waiting_does_not_mend_is_told_at_once(error: Exception) -> None:
    assert passing_reason(error) is None
    assert passing_reason(redis.ResponseError("ERR unknown command")) is None
