"""A run in a folder: kept when it is over, judged again as often as one likes.

    python -m tests.scenarios.kept FOLDER

prints every problem that the judge finds there, and ends with 1 when there is one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson

from server.domain.positions import Position
from server.domain.records import Row
from tests.scenarios import ledger
from tests.scenarios.judge import Evidence, RoomState, judge

_FILE = "evidence.json"


def keep(evidence: Evidence, folder: Path) -> None:
    """Write everything that a judgement is made of."""
    ledger.write(evidence.ledgers, folder)
    rooms = {
        room: [state.newest, state.saved, [(place, event.decode()) for place, event in state.log]]
        for room, state in evidence.rooms.items()
    }
    whole = {
        "rows": evidence.rows,
        "rooms": rooms,
        "drained": evidence.drained,
        "dead_letters": evidence.dead_letters,
        "moved": evidence.moved,
    }
    (folder / _FILE).write_bytes(orjson.dumps(whole, default=tuple))


def kept(folder: Path) -> Evidence:
    """Read what ``keep`` wrote."""
    whole = orjson.loads((folder / _FILE).read_bytes())
    return Evidence(
        ledger.read(folder),
        {room: [Row(*row) for row in rows] for room, rows in whole["rows"].items()},
        {
            room: RoomState(
                Position(*newest),
                Position(*saved),
                [(Position(*place), event.encode()) for place, event in log],
            )
            for room, (newest, saved, log) in whole["rooms"].items()
        },
        drained=whole["drained"],
        dead_letters=whole["dead_letters"],
        moved=whole["moved"],
    )


if __name__ == "__main__":
    found = judge(kept(Path(sys.argv[1])))
    print("\n".join(found) or "nothing is wrong")
    sys.exit(bool(found))
