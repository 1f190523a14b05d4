"""The embedded Valkey keeps what it was told, lets in who has the password, dies with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from server.local.process import LocalError, free_port
from server.local.valkey import Valkey
from tests.helpers import wait_until


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "a folder", password="a secret of alice")
    server.start()
    yield server
    server.kill()


def test_what_was_written_is_there_after_a_restart(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set("room", "kitchen")
    port, pid = valkey.port, valkey.pid
    valkey.stop()
    assert not valkey.running
    valkey.start()
    assert (valkey.port, valkey.pid != pid) == (port, True)
    with redis.Redis.from_url(valkey.url) as client:
        assert client.get("room") == b"kitchen"


def test_it_is_durable_and_never_evicts(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        told = client.config_get("append*", "maxmemory-policy", "bind")
    assert dict(told) | {"appendonly": "yes", "appendfsync": "everysec"} == told
    assert told["maxmemory-policy"] == "noeviction"
    assert told["bind"] == "127.0.0.1"


def test_nobody_gets_in_without_the_password(valkey: Valkey) -> None:
    with (
        redis.Redis(port=valkey.port, retry=Retry(NoBackoff(), 0)) as mallory,
        pytest.raises(redis.AuthenticationError),
    ):
        mallory.ping()


def test_the_configuration_is_for_its_owner_only(valkey: Valkey) -> None:
    assert (valkey.folder / "valkey.conf").stat().st_mode & 0o077 == 0


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    server = Valkey(tmp_path, options={"appendfsync": "whenever"})
    with pytest.raises(LocalError, match=r"(?s)Valkey did not start.*appendfsync whenever"):
        server.start()
    assert not server.running


def test_a_taken_port_is_an_error_and_not_a_strangers_server(
    valkey: Valkey, tmp_path: Path
) -> None:
    other = Valkey(tmp_path / "other", port=valkey.port, password="a secret of alice")
    with pytest.raises(LocalError, match="did not start"):
        other.start()


def test_a_stale_pid_file_that_names_a_stranger_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "valkey.pid").write_text(f"{os.getpid()}\n")
    server = Valkey(tmp_path)
    server.start()
    server.kill()


async def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", _START, str(tmp_path), str(free_port())],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()

    def gone() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    await wait_until(gone, description="the orphan has ended")


_START = """
import sys, time
from pathlib import Path
from server.local.valkey import Valkey
server = Valkey(Path(sys.argv[1]), port=int(sys.argv[2]))
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""
