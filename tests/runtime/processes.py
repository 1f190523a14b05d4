"""Starts a real process and reads what it says, line by line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[2]


class Running:
    """A process whose standard output is JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line(self, message: str, timeout: float = 30) -> dict[str, Any]:
        """Read on until the record with this message and return it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(timeout):
            while raw := await self.process.stdout.readline():
                self.lines.append(raw.decode())
                record: dict[str, Any] = orjson.loads(raw)
                if record["message"] == message:
                    return record
        raise AssertionError(f"no {message!r} in {self.lines} {await self.complaint()}")

    async def port(self) -> int:
        """Wait until it is ready and return its port."""
        return int((await self.line("ready"))["port"])

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def end(self, timeout: float = 35) -> int:
        """Read the rest and return the exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(timeout):
            rest = await self.process.stdout.read()
            self.lines += rest.decode().splitlines(keepends=True)
            return await self.process.wait()

    async def complaint(self) -> str:
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()

    def messages(self) -> list[str]:
        return [orjson.loads(line)["message"] for line in self.lines]


@asynccontextmanager
async def started(module: str, *arguments: str, **environment: str) -> AsyncIterator[Running]:
    """Run ``python -m module`` with nothing of our environment but what is given."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": "0", "DRAIN_S": "2"} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
