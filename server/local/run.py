"""A whole Beseda on this machine: what ``scripts/run`` starts.

Embedded Valkey and PostgreSQL (or those of REDIS_URL and DATABASE_URL), migrations, N
website-and-chat processes that share one port, and a writer. Everything stops in order on
Ctrl-C or SIGTERM; when this process is killed, the kernel ends the others.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from server.local.children import say
from server.local.data import hold, keep_secret, keep_vapid
from server.local.postgres import Postgres
from server.local.process import LocalError, free_port, port_is_free
from server.local.services import Services
from server.local.valkey import Valkey
from server.runtime.process import StartError, read_settings

ROOT = Path(__file__).resolve().parents[2]
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

DEFAULTS = {
    "LOG_FORMAT": "text",
    "DRAIN_S": "2",  # nobody waits long for a local run to end
}


class _Asked(Exception):
    """Somebody asked us to stop while we start."""


def main(argv: list[str] | None = None) -> int:
    """Run until asked to stop; return the exit code."""
    options = _parse(argv)
    try:
        _stoppable_start()
        return _run(options)
    except _Asked:
        return 0
    except (LocalError, StartError) as problem:
        sys.stdout.flush()
        sys.stderr.write(f"beseda: {problem}\n")
        return 1


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/run", description="Start the whole chat on this machine."
    )
    parser.add_argument("--port", type=int, default=8080, help="port to open (8080); 0: a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--replicas", type=int, default=2, help="website-and-chat processes on the port (2)"
    )
    parser.add_argument(
        "--data", type=Path, default=ROOT / ".data", help="folder that keeps everything (.data)"
    )
    options = parser.parse_args(argv)
    if options.replicas < 1:
        parser.error("--replicas must be 1 or more")
    if not 0 <= options.port <= 65535:
        parser.error("--port must be between 0 and 65535")
    return options


def _run(options: argparse.Namespace) -> int:
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    settings = read_settings()  # a wrong one is said before anything starts
    port = options.port or free_port()
    if not port_is_free(options.host, port):
        raise LocalError(
            f"port {port} on {options.host} is taken or not allowed; "
            "stop what uses it, or choose another one with --port"
        )
    data: Path = options.data.resolve()
    with hold(data), ExitStack() as servers:
        env = {
            **os.environ,
            "HOST": options.host,
            "PORT": str(port),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }
        if not env.get("JWT_SECRET_KEY"):
            env["JWT_SECRET_KEY"] = keep_secret(data / "jwt.secret")
        if not env.get("VAPID_PRIVATE_KEY"):
            env["VAPID_PRIVATE_KEY"] = keep_vapid(data / "vapid.secret")
        embedded: list[Valkey | Postgres] = []
        if not env.get("FILES_DIR"):
            env["FILES_DIR"] = str(data / "files")
        if not env.get("REDIS_URL"):
            valkey = Valkey(data / "valkey", password=keep_secret(data / "valkey.secret"))
            env["REDIS_URL"] = _start(servers, valkey)
            embedded.append(valkey)
        if not env.get("DATABASE_URL"):
            postgres = Postgres(data)
            env["DATABASE_URL"] = _start(servers, postgres)
            if (place := (data / "postgres").resolve()).parent != data:
                say("run", f"its account cannot reach {data}, so its data lies in {place}")
            embedded.append(postgres)
        services = Services(env, port, options.replicas, embedded, drain_s=settings.drain_s)
        services.migrate()
        try:
            return services.run(STOP_SIGNALS)
        finally:
            _ignore_signals()  # the servers stop now, whoever is impatient


def _start(servers: ExitStack, server: Valkey | Postgres) -> str:
    servers.callback(server.stop)
    server.start()
    say("run", f"{server.name} is ready on port {server.port}")
    return server.url


def _stoppable_start() -> None:
    """Let a signal end a start in an orderly way, before the event loop takes over."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        _ignore_signals()
        raise _Asked

    for number in STOP_SIGNALS:
        signal.signal(number, ask)


def _ignore_signals() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
