from __future__ import annotations

import os
import time
from pathlib import Path

from server.files.store import STALE_S, Store


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path / "files")
    folder = store.begin()
    whole, small = folder / "whole", folder / "small"
    whole.write_bytes(b"whole")
    small.write_bytes(b"small")
    (folder / "rest").write_bytes(b"rest")
    store.keep("abcdef", whole, small)
    store.end(folder)
    assert (store.path("abcdef").read_bytes(), store.thumbnail("abcdef").read_bytes()) == (
        b"whole",
        b"small",
    )
    assert not folder.exists()
    store.remove(["abcdef", "never-there"])
    store.remove(["abcdef"])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.tidy()
    old, new = store.begin(), store.begin()
    (old / "whole").write_bytes(b"half of it")
    yesterday = time.time() - STALE_S - 60
    os.utime(old, (yesterday, yesterday))
    store.tidy()
    assert (old.exists(), new.exists()) == (False, True)
