"""Runs the chat day for ``scripts/loadtest``: Locust in processes of its own, told and measured.

Locust's tables and page go into the folder of the report; its records come back as a round.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from loadtest.errors import CannotRunError, StoppedError
from loadtest.options import Options, Stand
from loadtest.outcome import Figure, Round
from loadtest.processes import Looks, Processes, spent
from server.local.process import die_with_parent, free_port, port_is_free, tail

ROOT: Final = Path(__file__).resolve().parents[2]
LOCUSTFILE: Final = ROOT / "loadtest" / "users" / "locustfile.py"

TELLS: Final = b"loadtest: "
"""Begins a line of JSON for us, among all that Locust prints."""

LEAVING_S: Final = 15
"""So long people may finish what they do, and leave."""

OVERTIME_S: Final = 60.0
"""So much later than planned it may end before it is killed."""

WEB_PORT: Final = 8089


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    """Let people live a day, as often as rounds are asked for."""
    options = stand.options
    people = await stand.site.people(options.people)
    before = stand.site.processes.memory()
    prefix = people[0].email.rpartition("-")[0]
    for number in range(1, options.rounds + 1):
        if stand.stop.is_set():
            return
        folder = stand.files / (f"chat-day-{number}" if options.rounds > 1 else "chat-day")
        day = _Day(stand, folder, prefix, len(people))
        yield dataclasses.replace(await day.live(), memory_before=before)


class _Day:
    """One run of Locust: a process, or a master with workers."""

    def __init__(self, stand: Stand, folder: Path, prefix: str, accounts: int) -> None:
        self._stand = stand
        self._folder = folder
        self._people = ["--account-prefix", prefix, "--accounts", str(accounts), "--registered"]
        self._log = folder / "locust.log"
        self._round = folder / "round.json"
        self._running: list[asyncio.subprocess.Process] = []
        self._begin: Looks = {}
        self._end: Looks = {}

    async def live(self) -> Round:
        """Run it to its end, or until the person at the terminal asks to stop.

        Raises:
            CannotRunError: Locust ended without a measurement.
            StoppedError: that person did not wait for the beginning.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._round.unlink(missing_ok=True)
        with self._log.open("wb") as log:
            try:
                await self._start(log.fileno())
                await asyncio.wait_for(self._follow(log.fileno()), self._longest_s())
            except TimeoutError:
                self._stand.progress.say("Locust did not end in time, and was killed")
            finally:
                await self._stop()
        if not self._begin and self._stand.stop.is_set():
            raise StoppedError
        try:
            measured: Round = TypeAdapter(Round).validate_json(self._round.read_bytes())
        except (OSError, ValidationError):
            raise CannotRunError(
                f"Locust measured nothing; the end of its log:\n{tail(self._log)}"
            ) from None
        cpu = spent(self._begin, self._end or self._looks())
        cpu["loadtest"] = cpu.get("loadtest", 0.0) + cpu.pop("locust", 0.0)
        memory = self._stand.site.processes.memory()
        figures = {
            f"{part} CPU": Figure(100 * used / measured.seconds, "% of a core")
            for part, used in cpu.items()
        }
        return dataclasses.replace(measured, cpu=cpu, memory=memory, figures=figures)

    async def _start(self, log: int) -> None:
        options = self._stand.options
        master: list[str] = []
        if options.workers:
            port = str(free_port())
            master = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
            master += ["--expect-workers", str(options.workers)]
            for _ in range(options.workers):
                where = ["--worker", "--master-host", "127.0.0.1", "--master-port", port]
                await self._spawn(where, log, log)
        await self._spawn([*self._arguments(options), *master], asyncio.subprocess.PIPE, log)

    async def _spawn(self, arguments: list[str], out: int, log: int) -> None:
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "locust", "--locustfile", os.fspath(LOCUSTFILE)],
            *[*arguments, "--host", self._stand.site.address.url],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            env=self._environment(),
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is for us; Locust is asked by name
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        self._running.append(process)

    def _arguments(self, options: Options) -> list[str]:
        page = ["--headless"]
        if options.web:
            port = WEB_PORT if port_is_free("127.0.0.1", WEB_PORT) else free_port()
            self._stand.progress.say(f"Locust's page: http://127.0.0.1:{port}/")
            page = ["--autostart", "--web-host", "127.0.0.1", "--web-port", str(port)]
        numbers: Mapping[str, object] = {
            "users": options.users,
            "spawn-rate": options.spawn_rate,
            "stop-timeout": LEAVING_S,
            "exit-code-on-error": 0,
            "csv": self._folder / "locust",
            "html": self._folder / "locust.html",
            "rooms": options.rooms,
            "pace": options.pace,
            "seed": options.seed,
            "warm-up": options.warm_up,
            "measure-for": options.seconds,
            "round-file": self._round,
        }
        pairs = [part for name, value in numbers.items() for part in (f"--{name}", str(value))]
        return [*page, *pairs, *self._people, "--only-summary", "--tell"]

    def _environment(self) -> dict[str, str]:
        """Nothing of the caller's: Locust would take LOCUST_* and ~/.locust.conf for orders."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": os.fspath(ROOT),
            "HOME": os.fspath(self._folder),
            "LOADTEST_PASSWORD": self._stand.site.password,
        }

    async def _follow(self, log: int) -> None:
        """Read what the first process tells, until it ends; ask it to end when we are asked."""
        locust = self._running[-1]
        assert locust.stdout is not None
        asked = asyncio.create_task(self._ask_to_stop(locust))
        try:
            async for line in locust.stdout:
                if line.startswith(TELLS):
                    self._told(orjson.loads(line[len(TELLS) :]))
                else:
                    os.write(log, line)
            await locust.wait()
        finally:
            asked.cancel()

    async def _ask_to_stop(self, locust: asyncio.subprocess.Process) -> None:
        await self._stand.stop.wait()
        with contextlib.suppress(ProcessLookupError):
            locust.terminate()

    def _told(self, what: Mapping[str, Any]) -> None:
        if what["event"] == "begin":
            self._begin = self._looks()
        elif what["event"] == "end":
            self._end = self._looks()
        else:
            self._stand.progress.now(f"chat-day  {what['text']}")

    def _looks(self) -> Looks:
        ours = Processes({"locust": [process.pid for process in self._running]})
        return {**ours.cpu(), **self._stand.site.processes.cpu()}

    async def _stop(self) -> None:
        for process in self._running:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
        for process in self._running:
            try:
                await asyncio.wait_for(process.wait(), LEAVING_S + 5)
            except TimeoutError:
                process.kill()
                await process.wait()

    def _longest_s(self) -> float:
        options = self._stand.options
        planned = options.users / options.spawn_rate + options.warm_up + options.seconds
        return planned + LEAVING_S + OVERTIME_S
