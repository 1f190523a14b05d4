"""The services of a local run: replicas on one port, a writer, and eyes on the servers."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

import psutil

from server.local.children import Child, say
from server.local.postgres import Postgres
from server.local.process import LocalError, die_with_parent
from server.local.valkey import Valkey

_MIGRATE_S = 300.0
_READY_S = 60.0
_PROBE_S = 5.0
_PROBES_EACH = 5
_LOOK_S = 0.1
_SERVER_LOOK_S = 0.5
_REST_S = 10.0
"""What a service may take to stop beyond DRAIN_S; it ends itself within 9 s."""


class Services:
    """Starts the service processes, keeps them running and stops them in order."""

    def __init__(
        self,
        env: Mapping[str, str],
        port: int,
        replicas: int,
        servers: Sequence[Valkey | Postgres],
        *,
        drain_s: float,
    ) -> None:
        self._env = env
        self._host = env["HOST"]
        self._port = port
        self._limit_s = drain_s + _REST_S
        self._servers = servers
        self._replicas = [self._child(f"chat-{n}", "all") for n in range(1, replicas + 1)]
        # Nobody but its operator visits a writer: its probes stay on loopback, wherever HOST is.
        self._writer = self._child("writer", "writer", "--host", "127.0.0.1", "--port", "0")

    def migrate(self) -> None:
        """Bring the database up to date.

        Raises:
            LocalError: it could not be done.
        """
        command = [sys.executable, "-m", "server", "migrate"]
        try:
            outcome = subprocess.run(
                command,
                check=False,
                env=dict(self._env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_MIGRATE_S,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        except subprocess.TimeoutExpired as late:
            raise LocalError(f"the database was not migrated within {_MIGRATE_S:g} s") from late
        if outcome.returncode != 0:
            end = "\n".join(outcome.stdout.decode(errors="replace").splitlines()[-12:])
            raise LocalError(f"the database could not be migrated:\n{end}")
        say("run", "the database is up to date")

    def run(self, stop_signals: Sequence[signal.Signals]) -> int:
        """Run everything until a stop signal; return the exit code."""
        return asyncio.run(self._run(stop_signals))

    async def _run(self, stop_signals: Sequence[signal.Signals]) -> int:
        stop = asyncio.Event()

        def asked() -> None:
            if stop.is_set():
                for child in self._replicas:
                    child.ask()
            stop.set()

        loop = asyncio.get_running_loop()
        for number in stop_signals:
            loop.add_signal_handler(number, asked)
        tasks = [asyncio.create_task(child.run()) for child in (*self._replicas, self._writer)]
        tasks.append(asyncio.create_task(self._watch_servers()))
        tasks.append(asyncio.create_task(self._announce()))
        stopped = asyncio.create_task(stop.wait())
        try:
            await _until_failure_or(stopped, tasks)
        finally:
            await self._stop()
            for task in (*tasks, stopped):
                task.cancel()
            await asyncio.gather(*tasks, stopped, return_exceptions=True)
        say("run", "stopped")
        return 0

    async def _stop(self) -> None:
        """Replicas first, so that nobody writes; then the writer, which saves what is left."""
        say("run", "stopping")
        await asyncio.gather(*(child.stop(self._limit_s) for child in self._replicas))
        await self._writer.stop(self._limit_s)

    async def _announce(self) -> None:
        end = time.monotonic() + _READY_S
        # The replicas share the port, and the kernel picks which of them answers a probe: so
        # many good answers in a row come from all of them.
        wanted = _PROBES_EACH * len(self._replicas) if len(self._replicas) > 1 else 1
        good = 0
        while good < wanted:
            if self._all_listen() and await self._answers_ready():
                good += 1
                continue
            good = 0
            if time.monotonic() > end:
                raise LocalError(f"the services were not ready after {_READY_S:g} s")
            await asyncio.sleep(_LOOK_S)
        host = "localhost" if self._host in {"127.0.0.1", "0.0.0.0", "::"} else self._host  # noqa: S104
        say("run", f"Beseda is ready: http://{host}:{self._port}/  (Ctrl-C stops it)")

    def _all_listen(self) -> bool:
        return all(_listens(child.pid, self._port) for child in self._replicas)

    async def _answers_ready(self) -> bool:
        host = "127.0.0.1" if self._host == "0.0.0.0" else self._host  # noqa: S104
        try:
            async with asyncio.timeout(_PROBE_S):
                reader, writer = await asyncio.open_connection(host, self._port)
                try:
                    writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    async def _watch_servers(self) -> None:
        """Start an embedded server again when it died; the services reconnect by themselves."""
        while True:
            await asyncio.sleep(_SERVER_LOOK_S)
            for server in self._servers:
                if server.running:
                    continue
                say("run", f"{server.name} ended; starting it again")
                try:
                    server.start()
                except LocalError as problem:
                    say("run", f"{problem}")
                else:
                    say("run", f"{server.name} is ready again")

    def _child(self, name: str, *arguments: str) -> Child:
        return Child(name, [sys.executable, "-m", "server", *arguments], self._env)


async def _until_failure_or(
    stopped: asyncio.Task[bool], tasks: Sequence[asyncio.Task[None]]
) -> None:
    waiting = {stopped, *tasks}
    while stopped in waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # raises what failed


def _listens(pid: int | None, port: int) -> bool:
    if pid is None:
        return False
    with contextlib.suppress(psutil.Error):
        return any(
            each.status == psutil.CONN_LISTEN and each.laddr.port == port
            for each in psutil.Process(pid).net_connections("tcp")
        )
    return False
