"""A master with replicas, and Sentinels that watch them.

group = Sentinels(folder)
group.start()
await group.failover()              # planned
dead = await group.kill_master()    # the sentinels notice
await group.heal()
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from server.local.process import spawn, stop, wait_ready
from server.local.valkey import wheel_binary
from tests.clusters.node import AGREE_S, LOOPBACK, Node, server_port, wait_in_thread

MASTER = "mymaster"
DOWN_AFTER_MS = 1000


class Sentinel:
    """One Sentinel process; what it learns is in its configuration and survives a restart."""

    def __init__(self, folder: Path, binary: Path, password: str = "") -> None:
        self.folder = folder
        self.port = server_port()
        self._binary = binary
        self._password = password
        self._config = folder / "sentinel.conf"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def configure(self, lines: list[str]) -> None:
        """Write the configuration of the first start."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = [f"port {self.port}", f"bind {LOOPBACK}", f'dir "{self.folder}"', "daemonize no"]
        if self._password:
            own += [f"requirepass {self._password}", f"sentinel sentinel-pass {self._password}"]
        self._config.write_text("\n".join([*own, *lines, ""]))

    def start(self) -> None:
        """Start it and wait until it answers; a running one is left alone."""
        if self.running:
            return
        log = self.folder / "sentinel.log"
        self._process = spawn(
            [self._binary, self._config, "--sentinel"],
            log=log,
            orphaned=signal.SIGKILL,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )
        wait_ready(self._process, self._answers, name="a Sentinel", log=log, deadline_s=20)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            stop(self._process, signal.SIGKILL, 10)

    def freeze(self) -> None:
        """Let it hold its connections and say nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *command: str | int) -> Any:
        """Run one command on this Sentinel."""
        with redis.Redis(
            host=LOOPBACK,
            port=self.port,
            password=self._password or None,
            socket_timeout=1,
            protocol=2,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError, OSError):
            return bool(self.ask("PING"))
        return False


class Sentinels:
    """``servers`` servers, the first of them master at first, and ``sentinels`` Sentinels."""

    def __init__(
        self,
        folder: Path,
        *,
        servers: int = 3,
        sentinels: int = 3,
        binary: Path | None = None,
        password: str = "",
        sentinel_password: str = "",
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._password = password
        self._quorum = sentinels // 2 + 1
        self.nodes = [
            Node(
                folder / f"server-{n}",
                port=server_port(),
                password=password,
                binary=binary,
                options=options,
            )
            for n in range(servers)
        ]
        self.sentinels = [
            Sentinel(folder / f"sentinel-{n}", binary or wheel_binary(), sentinel_password)
            for n in range(sentinels)
        ]

    @property
    def url(self) -> str:
        """``REDIS_URL`` for this group."""
        secret = f":{quote(self._password, safe='')}@" if self._password else ""
        hosts = ",".join(f"{LOOPBACK}:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{secret}{hosts}/{MASTER}/0"

    def start(self) -> None:
        """Start everything; returns when the sentinels know each other and all replicas."""
        first = self.nodes[0]
        for node in self.nodes:
            node.start()
        for node in self.nodes[1:]:
            node.ask("REPLICAOF", first.host, first.port)
        for sentinel in self.sentinels:
            sentinel.configure(self._lines(first))
            sentinel.start()
        wait_in_thread(self.whole, "the sentinels know everybody")

    def stop(self) -> None:
        """End everything."""
        for sentinel in self.sentinels:
            sentinel.kill()
        for node in self.nodes:
            node.kill()

    def master(self) -> Node:
        """Return the master, as the newest configuration of the sentinels says."""
        found = []
        for sentinel in self.sentinels:
            with contextlib.suppress(redis.RedisError, OSError):
                state = _pairs(sentinel.ask("SENTINEL", "MASTER", MASTER))
                found.append((int(state["config-epoch"]), int(state["port"])))
        port = max(found)[1]
        return next(node for node in self.nodes if node.port == port)

    def whole(self) -> bool:
        """Tell whether all agree about one master, and all others replicate it."""
        others = len(self.sentinels) - 1
        try:
            states = [_pairs(s.ask("SENTINEL", "MASTER", MASTER)) for s in self.sentinels]
            masters = {state["port"] for state in states}
            if len(masters) != 1 or any(state["flags"] != "master" for state in states):
                return False
            if any(int(state["num-other-sentinels"]) < others for state in states):
                return False
            master = self.master()
            if master.role() != "master":
                return False
            replicas = [node for node in self.nodes if node is not master]
            known = [int(state["num-slaves"]) for state in states]
            return min(known, default=0) >= len(replicas) and all(
                node.follows(master) for node in replicas
            )
        except (redis.RedisError, OSError):
            return False

    async def failover(self) -> Node:
        """Let a replica take over, as planned; returns the new master."""
        return await asyncio.to_thread(self._failover)

    async def kill_master(self) -> Node:
        """End the master at once; returns it."""
        master = await asyncio.to_thread(self.master)
        master.kill()
        return master

    async def is_taken_over(self, dead: Node, timeout: float = AGREE_S) -> float:
        """Wait until another server is master; returns the seconds that it took."""
        began = time.monotonic()

        def taken() -> bool:
            master = self.master()
            return master is not dead and master.role() == "master"

        await asyncio.to_thread(wait_in_thread, taken, "a replica took over", timeout)
        return time.monotonic() - began

    async def heal(self, timeout: float = AGREE_S) -> None:
        """Start what is dead and wait until everything is whole."""
        for node in self.nodes:
            node.start()
        for sentinel in self.sentinels:
            sentinel.start()
        await asyncio.to_thread(wait_in_thread, self.whole, "the sentinels agree", timeout)

    async def clear(self) -> None:
        """Be whole, without keys or functions."""
        await self.heal()
        master = await asyncio.to_thread(self.master)
        master.ask("FLUSHALL", "SYNC")
        master.ask("FUNCTION", "FLUSH", "SYNC")

    def _failover(self) -> Node:
        before = self.master()
        end = time.monotonic() + AGREE_S
        while self.master() is before:
            assert time.monotonic() < end, "nobody took over"
            # Refused while another one is going on, or no replica is good enough yet.
            with contextlib.suppress(redis.ResponseError):
                self.sentinels[0].ask("SENTINEL", "FAILOVER", MASTER)
            with contextlib.suppress(AssertionError):
                wait_in_thread(lambda: self.master() is not before, "another is master", 5.0)
        return self.master()

    def _lines(self, master: Node) -> list[str]:
        lines = [
            f"sentinel monitor {MASTER} {master.host} {master.port} {self._quorum}",
            f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {MASTER} 10000",
            f"sentinel parallel-syncs {MASTER} 2",
        ]
        if self._password:
            lines.append(f'sentinel auth-pass {MASTER} "{self._password}"')
        return lines


def _pairs(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
