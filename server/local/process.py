"""Child processes that never outlive their parent, and waits that end in a sentence."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_LOG_BYTES = 5_000_000
"""A log that is longer when its process starts is put aside as ``<name>.1``."""

PORT_IN_USE = "Address already in use"
PORT_TRIES = 3
"""A port that was free a moment ago may be taken by now."""
"""What a server's log says when somebody took its port (strerror, in the C locale)."""

_TAIL_LINES = 12
_POLL_S = 0.02
_LEFTOVER_S = 20.0
"""How long the server of a killed launcher may take to end."""

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class LocalError(Exception):
    """Something that the person at the terminal has to know; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Account:
    """A system account that a child runs as instead of root."""

    uid: int
    gid: int


def die_with_parent(sig: signal.Signals) -> Callable[[], None]:
    """Return a ``preexec_fn`` by which Linux sends ``sig`` to the child when we die.

    It holds for the thread that starts the child, so start children from the main one.
    """
    parent = os.getpid()

    def set_up() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
            if os.getppid() != parent:  # we died before the call
                os.kill(os.getpid(), signal.SIGKILL)

    return set_up


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    orphaned: signal.Signals,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``argv`` in its own session with its output appended to ``log``.

    A new session keeps the terminal's Ctrl-C away: the launcher decides who stops when.
    ``orphaned`` is sent by the kernel when this process dies. The environment is ``env``
    and nothing else; the working directory is ``/``.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        return subprocess.Popen(
            [os.fspath(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env or {}),
            cwd="/",
            start_new_session=True,
            preexec_fn=die_with_parent(orphaned),  # noqa: PLW1509 - one prctl, libc loaded before
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


def wait_ready(
    process: subprocess.Popen[bytes],
    ready: Callable[[], bool],
    *,
    name: str,
    log: Path,
    deadline_s: float,
) -> None:
    """Wait until ``ready()`` is true.

    Raises:
        LocalError: the process ended, or is not ready after ``deadline_s`` seconds.
    """
    end = time.monotonic() + deadline_s
    while not ready():
        if process.poll() is not None:
            raise LocalError(
                f"{name} did not start (exit code {process.returncode}); "
                f"the end of its log {log}:\n{tail(log)}"
            )
        if time.monotonic() > end:
            raise LocalError(
                f"{name} was not ready after {deadline_s:g} s; "
                f"the end of its log {log}:\n{tail(log)}"
            )
        time.sleep(_POLL_S)


def stop(process: subprocess.Popen[bytes], sig: signal.Signals, deadline_s: float) -> bool:
    """Send ``sig`` and wait; kill after ``deadline_s`` seconds. True: it ended by itself."""
    if process.poll() is not None:
        return True
    process.send_signal(sig)
    try:
        process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """Return the last lines of a log, indented; a note when there are none."""
    try:
        text = log.read_bytes()[-8192:].decode(errors="replace")
    except OSError:
        text = ""
    found = [line for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(f"    {line}" for line in found) or "    (empty)"


def wait_for_leftover(pid_file: Path, argument: Path, name: str) -> None:
    """Let the server of a killed launcher end; drop a pid file that names a stranger.

    A server takes any living process with the number in its pid file for another one on
    its data, and numbers come again soon, above all in a container. Ours has ``argument``
    on its command line.

    Raises:
        LocalError: it still runs after 20 s.
    """
    end = time.monotonic() + _LEFTOVER_S
    while pid_file.exists():
        pid = pid_file.read_text().partition("\n")[0].strip()
        if not _runs(pid, str(argument)):
            pid_file.unlink(missing_ok=True)
        elif time.monotonic() > end:
            raise LocalError(f"{name}, process {pid}, still runs on {argument}; stop it first")
        else:
            time.sleep(_POLL_S)


def _runs(pid: str, argument: str) -> bool:
    try:
        process = psutil.Process(int(pid))
        return process.status() != psutil.STATUS_ZOMBIE and argument in process.cmdline()
    except (ValueError, psutil.NoSuchProcess):
        return False
    except psutil.AccessDenied:
        return True  # somebody else's, so rather not


def start_on_port(port: int, start: Callable[[int], None]) -> None:
    """Call ``start(port)``; where ``port`` is 0, with a free one, and another if it was taken.

    Raises:
        LocalError: from ``start``, when another port would not help either.
    """
    if port:
        start(port)
        return
    for _ in range(PORT_TRIES - 1):
        try:
            start(free_port())
        except LocalError as problem:
            if PORT_IN_USE not in str(problem):
                raise
        else:
            return
    start(free_port())


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def port_is_free(host: str, port: int) -> bool:
    """Tell whether nobody listens there and we may.

    Without SO_REUSEPORT, so that a port shared by other processes counts as taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
