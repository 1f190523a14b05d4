"""The data folder of one installation: its lock and its secrets."""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from server.local.process import LocalError


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Make the folder where there is none and keep other runs out of it.

    Raises:
        LocalError: another run holds it, or it cannot be written.
    """
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
            # Root's PostgreSQL, another account, passes through; files are 0600 each.
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LocalError(f"cannot write to {folder}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            raise LocalError(
                f"the data folder {folder} is in use by another run (process {holder}); "
                "stop that one, or give this one a folder of its own with --data"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)  # the system gives the lock back, also after kill -9


def keep_secret(path: Path) -> str:
    """Return the secret that is kept in ``path``; make it at the first call."""
    return _keep(path, lambda: secrets.token_urlsafe(48))


def keep_vapid(path: Path) -> str:
    """Return the kept key for Web Push: a number below the order of P-256, as base64url."""

    def make() -> str:
        raw = secrets.token_bytes(32)
        # Without its first bit any number is small enough.
        return base64.urlsafe_b64encode(bytes([raw[0] & 0x7F]) + raw[1:]).rstrip(b"=").decode()

    return _keep(path, make)


def _keep(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        fresh = path.with_name(path.name + ".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(make() + "\n")
        fresh.replace(path)  # whole or not at all
    return path.read_text().strip()
