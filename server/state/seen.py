"""What a room that comes back from PostgreSQL knows again: cids, and which messages are deleted."""

from __future__ import annotations

from collections import defaultdict

import orjson

from server.domain.events import Kind
from server.domain.records import row_of
from server.domain.rooms import RoomSnapshot
from server.state import keys


def known_again(
    partition: int, snapshot: RoomSnapshot, since: float
) -> tuple[dict[str, str], dict[str, str]]:
    """Tell which messages of the tail are deleted, and the cids of after ``since``, Unix ms.

    The first by ``<author> <cid>``, the second by key of ``seen``: as ``functions/prelude.lua``
    keeps them. Who sends again what was saved must hear where it stands: it would move otherwise.
    """
    gone: dict[str, str] = {}
    cids: dict[tuple[str, str], str] = {}
    for position, kind, event in snapshot.tail:
        row = row_of(kind, event)
        if row.cid is None:
            continue
        if row.at >= since:
            cids[row.user_id, row.cid] = f"{position}-{row.at}"
        if kind == Kind.TOMBSTONE:
            target = orjson.loads(row.data or b"{}")["target"]
            place = f"{target['epoch']}-{target['seq']}"
            gone[f"{target['user']} {target['cid']}"] = place
            if row.at >= since:
                cids.setdefault((target["user"], target["cid"]), f"{place}-{row.at}")
    seen: defaultdict[str, str] = defaultdict(str)
    for (user, cid), place in cids.items():
        seen[keys.seen(partition, snapshot.room.id, user)] += f"\n{cid} {place}"
    return gone, seen
