"""The command of the Redis container, run by a real shell with a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from server.local.valkey import wheel_binary
from tests.deploy.compose import filled_in, services
from tests.helpers import free_port, wait_until


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def container(tmp_path: Path, port: int) -> Iterator[Path]:
    """The server, started as its container would, but on a free port and in ``tmp_path``."""
    service = services()["redis"]
    shell, flag, script = service["command"]
    assert (shell, flag) == ("sh", "-c")
    assert "dir /data\n" in script
    script = script.replace("dir /data\n", f"dir {tmp_path}\nbind 127.0.0.1\nport {port}\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "valkey-server").symlink_to(wheel_binary())
    process = subprocess.Popen(
        [shell, flag, script],
        env={"PATH": f"{programs}:{os.environ['PATH']}", **service["environment"]},
        stdout=subprocess.DEVNULL,
    )
    yield Path(f"/proc/{process.pid}")
    process.terminate()
    process.wait(10)
    shutil.rmtree(tmp_path, ignore_errors=True)


async def test_it_keeps_what_it_is_told_refuses_when_full_and_wants_its_password(
    container: Path, port: int
) -> None:
    password = filled_in()["REDIS_PASSWORD"]

    def answers() -> bool:
        try:
            with redis.Redis(port=port, password=password) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    await wait_until(answers, description="the server answers")
    with redis.Redis(port=port, password=password, decode_responses=True) as client:
        told = client.config_get("*")
    assert told["appendonly"] == "yes"
    assert told["maxmemory-policy"] == "noeviction"
    assert int(told["maxmemory"]) == 512 * 1024 * 1024
    assert told["save"] == ""
    with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    # The shell made way for the server, which hears signals; and `ps` shows no password.
    arguments = (container / "cmdline").read_bytes()
    assert b"valkey-server" in arguments
    assert password.encode() not in arguments
