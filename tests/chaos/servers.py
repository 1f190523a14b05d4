"""The throw-away Redis and PostgreSQL of one run: durable, mortal, on disks that can be full."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import psutil

from server.local.postgres import Postgres
from server.local.valkey import Valkey
from server.storage.migrate import migrate
from tests.chaos.plan import Needs
from tests.chaos.preload import Clock, libfaketime, slow_disk, wrapped_redis
from tests.clusters.cluster import Cluster
from tests.clusters.network import Network
from tests.clusters.sentinels import Sentinels

T = TypeVar("T")

_MOUNT_S = 10.0
_CHUNK = b"\0" * 65_536
POSTGRES = {"max_wal_size": "64MB", "min_wal_size": "32MB", "shared_buffers": "32MB"}
"""So that a small disk holds it."""


class Impossible(Exception):
    """What a fault needs is not to be had on this machine; the message says what and why."""


class Disk:
    """A small file system of its own in memory, which can be filled to the last byte."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir(parents=True)
        if os.geteuid() != 0:
            raise Impossible(
                "skipped: a disk that can be full is a tmpfs, which only root may mount"
            )
        options = f"size={mib}m,mode=0711"
        command = ["mount", "-t", "tmpfs", "-o", options, "beseda-chaos", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MOUNT_S)
        if done.returncode:
            raise Impossible(
                "skipped: a disk that can be full is a tmpfs, and none may be mounted here "
                f"({done.stderr.strip()})"
            )

    def fill(self) -> None:
        """Leave no room for a single byte."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (len(_CHUNK), 1):
                with contextlib.suppress(OSError):
                    while file.write(_CHUNK[:size]):
                        pass

    def free(self) -> None:
        """Have room again."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it; what was on it is gone."""
        done = subprocess.run(["umount", str(self.folder)], capture_output=True, timeout=_MOUNT_S)
        if done.returncode:  # somebody still looks at it: it goes when he does
            subprocess.run(["umount", "-l", str(self.folder)], check=True, timeout=_MOUNT_S)


def _group(folder: Path, kind: str) -> Cluster | Sentinels | None:
    if not kind:
        return None
    if kind == "sentinels":
        return Sentinels(folder / "sentinels")
    if kind == "cluster":
        return Cluster(folder / "cluster")
    if reason := Network.missing():
        raise Impossible(f"skipped: {reason}")
    network = Network()
    network.open()
    options = {"min-replicas-to-write": "1", "min-replicas-max-lag": "3"}
    # With one replica each nobody could write after the cut.
    return Cluster(folder / "cluster", replicas=2, network=network, options=options)


class Servers:
    """Redis and PostgreSQL, each started, hurt and mended by a thread of its own.

    A thread, because starting waits; one of its own, because Linux ends the children of a thread
    with it.
    """

    def __init__(self, folder: Path, needs: Needs) -> None:
        self._threads = {
            name: ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
            for name in ("redis", "postgres")
        }
        self._disks: list[Disk] = []
        self._lag = folder / "lag"
        self.redis_clock: Clock | None = None
        self.replica_clock: Clock | None = None
        try:
            environment = self._lies(folder, needs)
            self.redis_disk = self._disk(folder / "redis-disk", needs.redis_disk_mib)
            self.postgres_disk = self._disk(folder / "postgres-disk", needs.postgres_disk_mib)
        except BaseException:
            self._unmount()
            raise
        self.redis = Valkey(
            (self.redis_disk.folder if self.redis_disk else folder) / "redis",
            binary=wrapped_redis(folder, environment) if environment else None,
            options={"appendfsync": "always", **needs.redis},
        )
        self.postgres = Postgres(
            (self.postgres_disk.folder if self.postgres_disk else folder) / "postgres",
            options=POSTGRES,
        )
        self.group = _group(folder, needs.group)
        # Beside the others, and not on a disk that goes or is full.
        self.redis.log = folder / "logs" / "redis.log"
        self.postgres.log = folder / "logs" / "postgres.log"

    @property
    def redis_url(self) -> str:
        """``REDIS_URL`` of a process without weather before Redis."""
        return self.group.url if self.group else self.redis.url

    async def start(self) -> None:
        """Start both and make the tables."""
        start = self.group.start if self.group else self.redis.start
        await asyncio.gather(self.with_redis(start), self.start_postgres())
        await migrate(self.postgres.url)

    async def close(self) -> None:
        """End both, whatever state they are in, and their disks."""
        self.let_postgres_go_on()
        if self.redis.running:
            os.kill(self.redis.pid, signal.SIGCONT)
        stop = self.group.stop if self.group else self.redis.kill
        await asyncio.gather(self.with_redis(stop), self.with_postgres(self.postgres.kill))
        if isinstance(self.group, Cluster) and self.group.network is not None:
            self.group.network.close()
        for thread in self._threads.values():
            thread.shutdown()
        self._unmount()

    # --- Redis --------------------------------------------------------------------------

    async def with_redis(self, work: Callable[[], T]) -> T:
        """Run something that waits, such as ``redis.start``."""
        return await asyncio.get_running_loop().run_in_executor(self._threads["redis"], work)

    @property
    def append_only(self) -> Path:
        """The folder that Redis reads at its start."""
        return self.redis.folder / "appendonlydir"

    async def kill_redis(self) -> None:
        """End Redis at once (SIGKILL)."""
        await self.with_redis(self.redis.kill)

    async def start_redis(self) -> None:
        """Start Redis on what is on its disk."""
        await self.with_redis(self.redis.start)

    def lag(self, seconds: float) -> None:
        """Let Redis wait so much longer for its disk, each time that it waits for it."""
        self._lag.write_text(f"{round(seconds * 1000)}\n")

    # --- PostgreSQL ---------------------------------------------------------------------

    async def with_postgres(self, work: Callable[[], T]) -> T:
        """Run something that waits, such as ``postgres.start``."""
        return await asyncio.get_running_loop().run_in_executor(self._threads["postgres"], work)

    def postgres_pids(self) -> list[int]:
        """List the server's process and those of its sessions."""
        if not self.postgres.running:
            return []
        parent = psutil.Process(self.postgres.pid)
        return [parent.pid, *(child.pid for child in parent.children(recursive=True))]

    async def kill_postgres(self) -> None:
        """End every process of PostgreSQL at once (SIGKILL)."""
        self._signal_postgres(signal.SIGKILL)
        await self.with_postgres(self.postgres.kill)

    async def start_postgres(self) -> None:
        """Start PostgreSQL on what is on its disk; nothing happens when it runs."""
        await self.with_postgres(self.postgres.start)

    def freeze_postgres(self) -> None:
        """Let PostgreSQL hold its connections and say nothing (SIGSTOP)."""
        self._signal_postgres(signal.SIGSTOP)

    def let_postgres_go_on(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal_postgres(signal.SIGCONT)

    def _signal_postgres(self, what: signal.Signals) -> None:
        for pid in self.postgres_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, what)

    # --- What is around them --------------------------------------------------------------

    def _disk(self, folder: Path, mib: int) -> Disk | None:
        if not mib:
            return None
        disk = Disk(folder, mib)
        self._disks.append(disk)
        return disk

    def _unmount(self) -> None:
        for disk in self._disks:
            disk.close()

    def _lies(self, folder: Path, needs: Needs) -> dict[str, str]:
        """Return what Redis has to be started with, so that it may be lied to."""
        if needs.clocks:
            library = libfaketime()
            if library is None:
                raise Impossible(
                    "skipped: clocks are moved by libfaketime, which is not installed "
                    "(on Debian and Ubuntu: apt-get install libfaketime)"
                )
            self.redis_clock = Clock(folder / "clock-redis", library)
            self.replica_clock = Clock(folder / "clock-replica", library)
            return self.redis_clock.environment
        if needs.slow_disk:
            library = slow_disk(folder)
            if library is None:
                raise Impossible("skipped: the slow disk is a small C library, and cc is missing")
            self.lag(0)
            return {"LD_PRELOAD": str(library), "SLOW_DISK_FILE": str(self._lag)}
        return {}
