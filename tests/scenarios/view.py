"""What a client shows after all that it went through, old pages included.

The page's rules once more, followed frame by frame: a reset begins anew with its events, what
follows is applied, a page of history is put in front with its messages as they were when it
was read, and every change that was heard counts on top of it.
"""

from __future__ import annotations

import itertools
from typing import Any

from server.domain.positions import Position
from tests.scenarios.client import Client
from tests.scenarios.ledger import Ledger, position_of
from tests.scenarios.state import State, state_of

_ASKED = "history"
_numbers = itertools.count(1)


class View:
    """The screen of a client with the history in front of it.

    Attributes:
        edge: the position before which nothing is known, or None while there is nothing.
        whole: whether everything before it is shown, too.
        last: the newest event that was applied.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.edge: Position | None = None
        self.whole = False
        self.last: Position | None = None
        self._pages: list[dict[str, Any]] = []
        self._heard: list[dict[str, Any]] = []
        for connection in ledger.connections:
            for frame in connection.frames:
                self._take(frame, ledger.room)

    def state(self) -> State:
        """Fold what is shown into the room as it is."""
        return state_of([*self._pages, *self._heard])

    def _take(self, frame: dict[str, Any], room: str) -> None:
        answer = frame.get("ok", {})
        if answer.get("mode") == "live" and self.last is None:
            self._begin(position_of(answer))
        elif str(frame.get("re")).startswith(_ASKED) and "events" in answer:
            self._put_in_front(str(frame["re"]), answer)
        elif frame.get("room") != room:
            pass
        elif frame.get("ev") == "reset":
            events = frame["events"]
            self._begin(position_of(frame), events)
        elif "at" in frame and (self.last is None or self.last.is_followed_by(position_of(frame))):
            self.last = position_of(frame)
            self._heard.append(frame)

    def _begin(self, last: Position, events: list[dict[str, Any]] | None = None) -> None:
        self.last = last
        self._heard = list(events or [])
        self._pages = []
        first = position_of(self._heard[0]) if self._heard else last._replace(seq=last.seq + 1)
        self.edge = first
        self.whole = first.seq == 1

    def _put_in_front(self, asked: str, answer: dict[str, Any]) -> None:
        _, epoch, seq, _ = asked.split("-")
        if self.edge != (int(epoch), int(seq)):
            return  # asked before a reset
        self._pages = [*answer["events"], *self._pages]
        if answer["events"]:
            self.edge = position_of(answer["events"][0])
        self.whole = not answer["more"]


async def look_back(client: Client, limit: int) -> bool:
    """Ask for one more page in front of what is shown; tell whether all is shown now."""
    view = View(client.ledger)
    if view.edge is not None and not view.whole:
        re = f"{_ASKED}-{view.edge.epoch}-{view.edge.seq}-{next(_numbers)}"
        before = view.edge._asdict()
        await client.ask("history", re=re, room=client.room, before=before, limit=limit)
        view = View(client.ledger)
    return view.whole


async def whole_view(client: Client, limit: int = 50) -> View:
    """Look back until everything is shown."""
    while not await look_back(client, limit):
        pass
    return View(client.ledger)
