"""A whole Beseda for one run: on throw-away data, with limits that a load test does not meet.

Valkey and PostgreSQL as ``scripts/run`` starts them, replicas that are website and chat in one,
a writer, and nginx in front where that is asked for. All logs are files in one folder.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp

from loadtest.nginx import ROOT, Nginx
from loadtest.processes import Processes
from server.local.postgres import Postgres
from server.local.process import LocalError, free_port, spawn, stop, tail
from server.local.valkey import Valkey
from server.storage.migrate import migrate

READY_S: Final = 60.0
_PROBE_S: Final = 0.05
_STOP_S: Final = 15.0

SETTINGS: Final[Mapping[str, str]] = {
    "SOCKETS": "100000",
    "SOCKETS_PER_IP": "100000",
    "SOCKETS_PER_USER": "100000",
    "SEND_RATE": "0",
    "PENDING_PER_SOCKET": "100000",
    "REGISTRATIONS_IP": "100000",
    "LOGIN_ATTEMPTS_IP": "100000",
    "ACCESS_TOKEN_EXPIRE_MINUTES": "1440",
    "DRAIN_S": "1",
}
"""Everybody comes from one address here, and few people stand for many; the rest is as shipped."""


class System:
    """``replicas`` on ports of their own behind nginx, or on one port without it."""

    def __init__(
        self,
        folder: Path,
        *,
        replicas: int = 1,
        nginx: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._count = replicas
        self._nginx: Nginx | None = None
        self._behind_nginx = nginx
        self._valkey = Valkey(folder / "valkey")
        self._postgres = Postgres(folder)
        self._replicas: list[subprocess.Popen[bytes]] = []
        self._ports: list[int] = []
        self._writer: subprocess.Popen[bytes] | None = None
        self._writers = 0
        self.secret = secrets.token_urlsafe(48)
        self._settings = {**SETTINGS, **(settings or {})}
        self.url = ""

    @property
    def env(self) -> dict[str, str]:
        """The settings of its processes, as an environment."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(ROOT),
            "HOST": "127.0.0.1",
            "REDIS_URL": self._valkey.url,
            "DATABASE_URL": self._postgres.url,
            "JWT_SECRET_KEY": self.secret,
            "TRUSTED_PROXIES": "1" if self._behind_nginx else "0",
            **self._settings,
        }

    @property
    def processes(self) -> Processes:
        """What runs, by part."""
        parts = {
            "server": [each.pid for each in self._replicas],
            "redis": [self._valkey.pid],
            "postgres": [self._postgres.pid],
        }
        if self._writer is not None:
            parts["writer"] = [self._writer.pid]
        if self._nginx is not None:
            parts["nginx"] = [self._nginx.pid]
        return Processes(parts)

    @property
    def replica_urls(self) -> list[str]:
        """Addresses of the replicas themselves; the same one for each, where they share a port."""
        return [f"http://127.0.0.1:{port}" for port in self._ports]

    @property
    def replica_pids(self) -> list[int]:
        """Process ids of the replicas."""
        return [each.pid for each in self._replicas]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def start(self) -> None:
        """Start everything, and wait until people can come.

        Raises:
            LocalError: something did not start.
            CannotRunError: nginx is wanted and not installed.
        """
        # Started in this thread and not in another: each child dies with the thread that made it.
        try:
            self._valkey.start()
            self._postgres.start()
            await migrate(self._postgres.url)
            await self._start_services()
        except BaseException:
            self.stop()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop everything that runs: who takes requests first, who keeps data last."""
        if self._nginx is not None:
            self._nginx.stop()
        services = [each for each in (*self._replicas, self._writer) if each is not None]
        for service in services:
            if service.poll() is None:
                service.send_signal(signal.SIGCONT)
                service.send_signal(signal.SIGTERM)
        for service in services:
            stop(service, signal.SIGTERM, _STOP_S)
        self._valkey.stop()
        self._postgres.stop()

    def stop_writer(self) -> None:
        """Let what is said wait in Redis, cleanly: the next writer need not wait for leases."""
        if self._writer is not None:
            stop(self._writer, signal.SIGTERM, _STOP_S)
            self._writer = None

    async def start_writer(self) -> None:
        """Start a writer, and wait until it works.

        Raises:
            LocalError: it did not start.
        """
        self._writers += 1
        # Each has a log of its own, which says when that one is ready.
        name = "writer" if self._writers == 1 else f"writer-{self._writers}"
        self._writer = self._service("writer", name, 0)
        async with asyncio.timeout(READY_S):
            await self._ready(name, self._writer)

    async def _start_services(self) -> None:
        shared = free_port()
        ports = [free_port() if self._behind_nginx else shared for _ in range(self._count)]
        self._ports = ports
        for number, port in enumerate(ports, 1):
            self._replicas.append(self._service("all", f"replica-{number}", port))
        async with asyncio.timeout(READY_S):
            await self.start_writer()
            for number, process in enumerate(self._replicas, 1):
                await self._ready(f"replica-{number}", process)
        port = shared
        if self._behind_nginx:
            self._nginx = Nginx(self._folder / "nginx", ports)
            self._nginx.start()
            port = self._nginx.port
        self.url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as http, asyncio.timeout(READY_S):
            while not await _answers(http, f"{self.url}/login/"):  # noqa: ASYNC110 - a neighbour's
                await asyncio.sleep(_PROBE_S)

    def _service(self, service: str, name: str, port: int) -> subprocess.Popen[bytes]:
        return spawn(
            [sys.executable, "-m", "server", service, "--host", "127.0.0.1", "--port", str(port)],
            log=self._log(name),
            orphaned=signal.SIGKILL,
            env=self.env,
        )

    async def _ready(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for the line that says so: of replicas on one port any may answer a request."""
        log = self._log(name)
        while b'"message":"ready"' not in log.read_bytes():
            if process.poll() is not None:
                raise LocalError(f"{name} did not start; the end of its log:\n{tail(log)}")
            await asyncio.sleep(_PROBE_S)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url, timeout=aiohttp.ClientTimeout(total=5)) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
