"""One Redis or Valkey server of a Cluster, or beside Sentinels."""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import redis

from server.local.process import port_is_free
from server.local.valkey import Valkey, wheel_binary

LOOPBACK = "127.0.0.1"
AGREE_S = 40.0
"""Until servers agree about something, on a busy machine."""

BACK_S = 5.0
"""The promise: so long after there is a master again, people talk again."""

SLOWER = 3
"""How much slower a busy machine may be."""

_POLL_S = 0.05
_GIVEN: set[int] = set()

COMMON: Mapping[str, str] = {
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",
    "repl-timeout": "10",
    "enable-debug-command": "local",
}
"""What lets a test see in seconds what takes longer elsewhere."""


class Node(Valkey):
    """A server on an address of its own.

    Attributes:
        host: where it listens.
        away: whether it lies in the part of the network that can be cut off.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        host: str = LOOPBACK,
        password: str = "",
        binary: Path | None = None,
        namespace: str = "",
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.host = host
        self.away = bool(namespace)
        self.password = password
        binary = binary or wheel_binary()
        if namespace:
            binary = _inside(namespace, binary, folder)
        own = {
            **COMMON,
            # Protected mode lets nobody in from another address without a password.
            **({"bind": host, "protected-mode": "no"} if host != LOOPBACK else {}),
            **({"masterauth": f'"{password}"'} if password else {}),
            **(options or {}),
        }
        super().__init__(folder, port=port, password=password, binary=binary, options=own)

    @property
    def url(self) -> str:
        """The address, with its password."""
        return super().url.replace(LOOPBACK, self.host)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    @property
    def name(self) -> str:  # type: ignore[override]
        """The address as servers write it."""
        return f"{self.host}:{self.port}"

    def ask(self, *command: str | int | bytes, timeout: float = 5.0) -> Any:
        """Run one command on this server, from any thread; text comes back as ``str``."""
        with redis.Redis.from_url(
            self.url, socket_timeout=timeout, protocol=2, decode_responses=True, retry=None
        ) as client:
            # Raw replies: what a command says is the same for every version of redis-py.
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def follows(self, master: Node) -> bool:
        """Tell whether it is an up-to-date replica of ``master``."""
        try:
            role = self.ask("ROLE", timeout=1.0)
        except (redis.RedisError, OSError):
            return False
        return bool(
            role[0] == "slave"
            and (role[1], int(role[2])) == master.address
            and role[3] == "connected"
        )

    def freeze(self) -> None:
        """Let it hold its connections and say nothing, until ``thaw`` or ``kill``."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def role(self) -> str:
        """Return master or slave, or nothing when it does not answer."""
        try:
            return str(self.ask("ROLE", timeout=1.0)[0])
        except (redis.RedisError, OSError):
            return ""


def server_port() -> int:
    """Return a free port that the kernel gives to no client: many come and go here.

    Each is given once only, for it is used later; and the seed of a test chooses none.
    """
    while True:
        port = 15_000 + secrets.randbelow(15_000)
        if port not in _GIVEN and port_is_free(LOOPBACK, port):
            _GIVEN.add(port)
            return port


def wait_in_thread(predicate: Callable[[], bool], what: str, timeout: float = AGREE_S) -> None:
    """Return as soon as ``predicate()`` is true; not for the thread of an event loop."""
    end = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < end, f"waited {timeout:g} s until {what}"
        time.sleep(_POLL_S)


def _inside(namespace: str, binary: Path, folder: Path) -> Path:
    """Write a program that starts ``binary`` in a network namespace, as the same process."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    script = folder / "start"
    script.write_text(
        f'#!/bin/sh\nexec /usr/sbin/ip netns exec {namespace} {shlex.quote(str(binary))} "$@"\n'
    )
    script.chmod(0o700)
    return script
