from __future__ import annotations

import os
import time
from pathlib import Path

from server.files.folder import Folder
from server.files.incoming import STALE_S, Incoming
from server.files.store import thumbnail_of


async def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    incoming, store = Incoming(tmp_path / "files"), Folder(tmp_path / "files")
    folder = incoming.begin()
    whole, small = folder / "whole", folder / "small"
    whole.write_bytes(b"whole")
    small.write_bytes(b"small")
    (folder / "rest").write_bytes(b"rest")
    await store.keep("abcdef", whole, small)
    incoming.end(folder)
    names = ("abcdef", thumbnail_of("abcdef"))
    assert [store.path(name).read_bytes() for name in names] == [b"whole", b"small"]
    assert not folder.exists()
    await store.remove(["abcdef", "never-there"])
    await store.remove(["abcdef"])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path)
    incoming.tidy()
    old, new = incoming.begin(), incoming.begin()
    (old / "whole").write_bytes(b"half of it")
    yesterday = time.time() - STALE_S - 60
    os.utime(old, (yesterday, yesterday))
    incoming.tidy()
    assert (old.exists(), new.exists()) == (False, True)
