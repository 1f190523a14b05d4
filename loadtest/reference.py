"""The bare write loop as a place where a scenario can be measured: started, used and stopped."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from loadtest import child
from loadtest.bare import READY
from loadtest.processes import Processes
from loadtest.target import Address, Person
from server.local.process import spawn, stop, wait_ready

_START_S: Final = 30.0
_STOP_S: Final = 5.0
_PORT: Final = re.compile(rf"{READY}(\d+)\n")


class Reference:
    """A ``loadtest.bare`` of its own process; it knows everybody and has every room."""

    password = ""
    limited = False

    def __init__(self, folder: Path, *, joined: bool = False) -> None:
        self._log = folder / ("bare-joined.log" if joined else "bare.log")
        self._joined = joined
        self._process: subprocess.Popen[bytes] | None = None
        self.address = Address("", "127.0.0.1", "127.0.0.1", 0, "", None)
        self.processes = Processes({})

    async def __aenter__(self) -> Self:
        process = self._process = spawn(
            child.command("bare", *(["--joined"] if self._joined else [])),
            log=self._log,
            orphaned=signal.SIGKILL,
            env=child.environment(),
        )
        try:
            wait_ready(
                process,
                lambda: self._port() > 0,
                name="the bare write loop",
                log=self._log,
                deadline_s=_START_S,
            )
        except BaseException:
            self._stop()
            raise
        self.address = Address.of(f"http://127.0.0.1:{self._port()}")
        self.processes = Processes({"server": [process.pid]})
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    async def people(self, count: int) -> list[Person]:
        return [Person(f"person-{number}@example.org", "none") for number in range(count)]

    async def rooms(self, count: int) -> list[str]:
        return [f"room-{number}" for number in range(count)]

    def _port(self) -> int:
        found = _PORT.search(self._log.read_text())
        return int(found[1]) if found else 0

    def _stop(self) -> None:
        if self._process is not None:
            stop(self._process, signal.SIGTERM, _STOP_S)
