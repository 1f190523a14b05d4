"""Service processes of the launcher: prefixed output, restarts in words, no orphans."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Mapping, Sequence

from server.local.process import LocalError, die_with_parent

_BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_STEADY_S = 30.0
"""A process that lived so long starts again with the shortest wait."""

_BAD_SETTINGS = 2
"""Exit code of a process whose settings are wrong: starting it again does not help."""

_LINE_BYTES = 1 << 20


def say(name: str, text: str) -> None:
    """Write one line for the person at the terminal."""
    with contextlib.suppress(BrokenPipeError):  # the reader went away, the system goes on
        sys.stdout.write(f"{name:<9}| {text}\n")
        sys.stdout.flush()


class Child:
    """One service process, started again when it ends by itself."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self.name = name
        self._argv = argv
        self._env = env
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Process id, while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Keep the process running until ``stop``.

        Raises:
            LocalError: its settings are wrong, so that it will never run.
        """
        failures = 0
        while not self._stopping:
            began = time.monotonic()
            code = await self._run_once()
            if self._stopping:
                return
            if code == _BAD_SETTINGS:
                raise LocalError(f"{self.name} cannot run with these settings; see its line above")
            failures = 0 if time.monotonic() - began > _STEADY_S else failures
            wait_s = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
            failures += 1
            say("run", f"{self.name} ended {_how(code)}; starting it again in {wait_s:g} s")
            await asyncio.sleep(wait_s)

    async def stop(self, deadline_s: float) -> None:
        """Ask the process to end; kill it after ``deadline_s`` seconds."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.ask()
        try:
            await asyncio.wait_for(process.wait(), deadline_s)
        except TimeoutError:
            say("run", f"{self.name} did not stop within {deadline_s:g} s and was killed")
            process.kill()
            await process.wait()

    def ask(self) -> None:
        """Send SIGTERM; a process that stops already takes it as: hurry."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)

    async def _run_once(self) -> int:
        self._process = process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(self._env),
            limit=_LINE_BYTES,
            start_new_session=True,  # Ctrl-C goes to the launcher alone
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        if process.stdout is not None:
            await self._pass_on(process.stdout)
        return await process.wait()

    async def _pass_on(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await output.readline()
            except ValueError:
                line = b"(a line that is too long to show)\n"
            if not line:
                return
            say(self.name, line.decode(errors="replace").rstrip())


def _how(code: int) -> str:
    if code < 0:
        return f"by {signal.Signals(-code).name}"
    return f"with exit code {code}"
