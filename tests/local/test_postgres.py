"""The embedded PostgreSQL starts as anybody, root too, and keeps strangers out."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from server.local import shelter
from server.local.postgres import Postgres
from server.local.process import LocalError

FAST = {"fsync": "off", "shared_buffers": "16MB"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other accounts can reach."""
    path = Path(tempfile.mkdtemp(prefix="beseda test "))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def postgres(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder, options=FAST)
    server.start()
    yield server
    server.kill()


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_what_was_written_is_there_after_a_restart_and_a_power_cut(
    postgres: Postgres,
) -> None:
    await ask(postgres.url, "CREATE TABLE rooms AS SELECT 'kitchen' AS name")
    postgres.stop()
    postgres.start()
    assert await ask(postgres.url, "SELECT name FROM rooms") == "kitchen"
    postgres.kill()
    postgres.start()
    assert await ask(postgres.url, "SELECT name FROM rooms") == "kitchen"


async def test_a_second_run_finds_the_data_by_its_own_password(
    postgres: Postgres, folder: Path
) -> None:
    await ask(postgres.url, "CREATE TABLE rooms (name text)")
    postgres.stop()
    again = Postgres(folder, options=FAST)
    again.start()
    assert await ask(again.url, "SELECT count(*) FROM rooms") == 0
    again.stop()


async def test_nobody_gets_in_without_the_password(postgres: Postgres, folder: Path) -> None:
    address = f"postgresql://beseda:guess@127.0.0.1:{postgres.port}/beseda"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(address, "SELECT 1")
    assert stat.S_IMODE((folder / "postgres.password").stat().st_mode) == 0o600
    assert not list(folder.glob("**/.s.PGSQL*"))
    assert not (folder / "postgres.hint").exists()


async def test_it_listens_on_loopback_only(postgres: Postgres) -> None:
    listening = psutil.Process(postgres.pid).net_connections("inet")
    assert {each.laddr.ip for each in listening} == {"127.0.0.1"}


async def test_russian_is_compared_without_case(postgres: Postgres) -> None:
    assert await ask(postgres.url, "SELECT 'Беседа' ILIKE '%БЕСЕД%'") is True


def test_a_stale_pid_file_that_names_a_stranger_is_in_nobodys_way(
    postgres: Postgres, folder: Path
) -> None:
    postgres.stop()
    (folder / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n")
    postgres.start()
    assert postgres.running


def test_data_without_its_password_is_refused_in_one_sentence(
    postgres: Postgres, folder: Path
) -> None:
    postgres.stop()
    (folder / "postgres.password").unlink()
    with pytest.raises(LocalError, match="is missing, so nobody can log in"):
        Postgres(folder).start()


def test_a_half_made_folder_is_made_anew(folder: Path) -> None:
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n")
    server = Postgres(folder, options=FAST)
    server.start()
    server.stop()
    assert not (folder / "postgres.new").exists()


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    server = Postgres(folder, options={"shared_buffers": "plenty"})
    with pytest.raises(LocalError, match=r"(?s)PostgreSQL did not start.*shared_buffers"):
        server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a folder that others cannot reach")
async def test_below_a_closed_folder_root_gives_it_a_home_elsewhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelter, "_SHELTER", folder / "shelter")
    monkeypatch.setattr(shelter, "_runs", lambda _account, _program: False)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Postgres(closed, options=FAST)
    server.start()
    try:
        assert psutil.Process(server.pid).uids().effective != 0
        assert (closed / "postgres").is_symlink()
        assert str(folder / "shelter") in psutil.Process(server.pid).exe()
        await ask(server.url, "CREATE TABLE rooms (name text)")
    finally:
        server.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    again = Postgres(closed, options=FAST)
    again.start()
    try:
        assert await ask(again.url, "SELECT count(*) FROM rooms") == 0
    finally:
        again.stop()
