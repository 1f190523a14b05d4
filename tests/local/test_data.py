"""The data folder belongs to one run at a time, and its secrets to one account."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from server.local.data import hold, keep_secret
from server.local.process import LocalError


def test_a_second_run_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with (
        hold(folder),
        pytest.raises(LocalError, match=rf"in use by another run \(process {os.getpid()}\)"),
        hold(folder),
    ):
        pytest.fail("two runs hold one folder")


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with hold(tmp_path / "data"):
            assert (tmp_path / "data" / "lock").read_text() == f"{os.getpid()}\n"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match="cannot write to"), hold(tmp_path / "file" / "data"):
        pytest.fail("a folder inside a file")


def test_a_secret_is_made_once_long_and_private(tmp_path: Path) -> None:
    first = keep_secret(tmp_path / "jwt.secret")
    assert keep_secret(tmp_path / "jwt.secret") == first
    assert len(first) >= 64
    assert stat.S_IMODE((tmp_path / "jwt.secret").stat().st_mode) == 0o600
