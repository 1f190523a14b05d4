"""One process of Beseda: start it, hurt it, read what it says."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from server.local.process import spawn, stop, tail
from tests.helpers import wait_until

ROOT = Path(__file__).resolve().parents[2]
READY_S = 40.0
"""Python, its imports and the connections, on a machine that does other things too."""

TAIL_LINES = 40


class Service:
    """``python -m server <service>`` on a loopback port of its own, output in ``log``.

    The kernel chooses the port at the first start unless ``port`` is given; later starts keep it.
    ``root`` is the folder of the package ``server`` that runs: this one, or an altered copy.
    """

    def __init__(
        self,
        name: str,
        service: str,
        env: Mapping[str, str],
        log: Path,
        *,
        port: int = 0,
        root: Path = ROOT,
    ) -> None:
        self.name = name
        self.port = port
        self.log = log
        self._service = service
        self._env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), **env}
        self._process: subprocess.Popen[bytes] | None = None
        self._read_from = 0

    @property
    def url(self) -> str:
        """Address for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """Address for WebSockets."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process lives (a stopped one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the last start."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def launch(self) -> None:
        """Start the process without waiting for it."""
        assert not self.running, f"{self.name} runs"
        self._read_from = self.log.stat().st_size if self.log.exists() else 0
        self._process = spawn(
            [
                *(sys.executable, "-m", "server", self._service),
                *("--host", "127.0.0.1", "--port", str(self.port)),
            ],
            log=self.log,
            orphaned=signal.SIGKILL,
            env=self._env,
        )

    async def ready(self) -> None:
        """Wait until it says that it is ready, and ``/readyz`` says so too."""
        await wait_until(self._has_port, READY_S, f"{self.name} says its port")
        async with aiohttp.ClientSession() as http:
            await wait_until(
                lambda: self._is_ready(http), READY_S, f"{self.name} is ready", interval=0.03
            )

    async def start(self) -> None:
        """Start the process and wait until it is ready."""
        self.launch()
        await self.ready()

    def kill(self) -> None:
        """End it at once, as the system does when memory is short."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()

    def term(self) -> None:
        """Ask it to stop; ``ended`` waits for that."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Freeze it: it holds its connections and says nothing (SIGSTOP)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def cont(self) -> None:
        """Let it go on (SIGCONT)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def ended(self, timeout: float = 35.0) -> int:
        """Wait for the end of the process and return its exit code."""
        process = self._process
        assert process is not None
        await wait_until(lambda: process.poll() is not None, timeout, f"{self.name} ended")
        return int(process.returncode)

    def close(self) -> None:
        """End the process whatever state it is in, by its own id; leave nothing behind."""
        if self.running and self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            stop(self._process, signal.SIGKILL, 10)

    # --- What it says -------------------------------------------------------------------

    def records(self) -> list[dict[str, Any]]:
        """Everything that it has logged since the first start; other lines as ``raw``."""
        if not self.log.exists():
            return []
        return [_record(line) for line in self.log.read_bytes().splitlines() if line.strip()]

    def errors(self) -> list[str]:
        """What it logged as an error, or wrote past the log."""
        return [
            f"{self.name}: {record}"
            for record in self.records()
            if record.get("level") in {"error", "critical"} or "raw" in record
        ]

    def tail(self) -> str:
        """The end of its log."""
        return tail(self.log, TAIL_LINES)

    def _has_port(self) -> bool:
        process = self._process
        assert process is not None
        assert process.poll() is None, f"{self.name} ended with {process.poll()}:\n{self.tail()}"
        for line in self.log.read_bytes()[self._read_from :].splitlines():
            record = _record(line)
            if record.get("message") == "ready" and "port" in record:
                self.port = int(record["port"])
                return True
        return False

    async def _is_ready(self, http: aiohttp.ClientSession) -> bool:
        assert self.running, f"{self.name} ended:\n{self.tail()}"
        try:
            timeout = aiohttp.ClientTimeout(total=3)
            async with http.get(f"{self.url}/readyz", timeout=timeout) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


async def start_all(services: list[Service]) -> float:
    """Start several at the same time; returns the seconds that it took."""
    began = time.monotonic()
    for service in services:
        service.launch()
    await asyncio.gather(*(service.ready() for service in services))
    return time.monotonic() - began


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {"raw": line.decode(errors="replace")}
    return record if isinstance(record, dict) else {"raw": line.decode(errors="replace")}
