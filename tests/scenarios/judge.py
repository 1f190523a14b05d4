"""The judge: from what clients wrote down, and what PostgreSQL and Redis hold in the end.

Four rules, each problem begins with the letter of its own:

* **L** nothing is lost: what was saved, or acknowledged while its sender lives, is in PostgreSQL.
* **D** nothing is doubled: no message twice in PostgreSQL, no position twice on a connection.
* **O** one order: positions rise on every connection, and say the same as PostgreSQL.
* **G** no gap: between resets every position follows the one before.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from server.domain.events import Kind
from server.domain.positions import START, Position
from server.domain.records import Row, rebuild
from tests.scenarios.erased import Identity, blank, erased_in, event_of, still_there
from tests.scenarios.ledger import Connection, Ledger, position_of


@dataclass(slots=True)
class RoomState:
    """One room as Redis has it."""

    newest: Position
    saved: Position
    log: list[tuple[Position, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class Evidence:
    """Everything that a judgement is made of; ``rows`` are in the order of positions.

    ``moved`` says that Redis lost something in this run: a message that was heard may then stand
    at a later position of a later epoch, and one whose sender is gone may be lost unless saved.
    """

    ledgers: Sequence[Ledger]
    rows: dict[str, list[Row]]
    rooms: dict[str, RoomState] = field(default_factory=dict)
    drained: bool = True
    dead_letters: int = 0
    moved: bool = False


def judge(evidence: Evidence) -> list[str]:
    """Return every problem, in words; an empty list is an acquittal."""
    problems: list[str] = []
    if not evidence.drained:
        problems.append("L: the drain is not empty")
    if evidence.dead_letters:
        problems.append(f"L: {evidence.dead_letters} records were set aside")
    erased = {room: erased_in(rows) for room, rows in evidence.rows.items()}
    for room, rows in evidence.rows.items():
        problems += still_there(rows, erased[room])
        problems += _doubled_rows(room, rows)
        problems += _after_the_end(room, rows)
        problems += _numbers(room, rows, whole=not evidence.moved)
        problems += _redis_disagrees(evidence, room, rows, erased[room])
    for ledger in evidence.ledgers:
        rows = evidence.rows.get(ledger.room, [])
        gone = erased.get(ledger.room, set())
        problems += _lost(ledger, rows, gone)
        for number, connection in enumerate(ledger.connections):
            where = f"{ledger.who}, connection {number}"
            problems += [f"{each} ({where})" for each in _wire(connection, ledger.room)]
            problems += [f"{each} ({where})" for each in _watermarks(connection, ledger.room)]
            if not evidence.moved:
                problems += [f"{each} ({where})" for each in _too_early(connection, rows)]
            heard = _heard(connection, ledger.room)
            problems += [f"{each} ({where})" for each in _misheard(heard, rows, gone, evidence)]
        problems += _screen(ledger, rows, gone, moved=evidence.moved)
        if not evidence.moved:
            problems += _misplaced(ledger, rows)
            problems += _own_order(ledger, rows)
    return problems


# --- L ------------------------------------------------------------------------------------


def _lost(ledger: Ledger, rows: Sequence[Row], erased: set[Identity]) -> Iterator[str]:
    stored: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.user_id == ledger.user and row.cid is not None:
            stored[row.cid].append(row.text or "")
    for sent in ledger.sent.values():
        found = stored[sent.cid]
        text = "" if (sent.target or (ledger.user, sent.cid)) in erased else sent.text
        if len(found) > 1:
            yield f"D: {ledger.who}'s {sent.text!r} is stored {len(found)} times"
        elif found and found[0] != text:
            yield f"L: {ledger.who}'s {sent.text!r} is stored as {found[0]!r}"
        elif not found and sent.saved_at is not None:
            yield f"L: {ledger.who}'s {sent.text!r} was said to be saved and is not stored"
        elif not found and ledger.alive and sent.refused is None:
            how = "acknowledged" if sent.acknowledged_at is not None else "still on its way"
            yield f"L: {ledger.who}'s {sent.text!r} is {how} and not stored"


# --- D, O and G on the wire ---------------------------------------------------------------


def _wire(connection: Connection, room: str) -> Iterator[str]:
    """Follow one connection: where it stands, and whether each event is the next one."""
    at: Position | None = None
    for frame in connection.frames:
        answer = frame.get("ok", {})
        if "mode" in answer and answer.get("room") == room:
            if answer["mode"] == "live":
                at = position_of(answer)
            elif answer["mode"] == "resumed":
                at = connection.asked if at is None else at
            else:
                at = None
            continue
        if frame.get("room") != room:
            continue
        if frame.get("ev") == "reset":
            yield from _inside_reset(frame)
            at = position_of(frame)
        elif "at" in frame:
            here = position_of(frame)
            if at is None:
                yield f"G: {here} came before its place was known"
            elif here == at:
                yield f"D: {here} came twice"
            elif here < at or here.seq <= at.seq:
                yield f"O: {here} came after {at}"
            elif not at.is_followed_by(here):
                yield f"G: {here} came after {at}"
            at = here if at is None else max(at, here)


def _inside_reset(frame: dict[str, Any]) -> Iterator[str]:
    places = [position_of(event) for event in frame["events"]]
    for before, after in itertools.pairwise(places):
        if after <= before or after.seq <= before.seq:
            yield f"O: {after} stands after {before} in a reset"
    if places and places[-1] != position_of(frame):
        yield f"G: a reset to {position_of(frame)} ends at {places[-1]}"


def _watermarks(connection: Connection, room: str) -> Iterator[str]:
    highest = START
    for frame in connection.frames:
        if frame.get("ev") == "saved" and frame.get("room") == room:
            if position_of(frame) < highest:
                yield f"O: the saved watermark went back to {position_of(frame)} from {highest}"
            highest = max(highest, position_of(frame))


def _too_early(connection: Connection, rows: Sequence[Row]) -> Iterator[str]:
    end = rows[-1].position if rows else START
    told = [position_of(frame) for frame in connection.frames if frame.get("ev") == "saved"]
    if max(told, default=START) > end:
        yield f"L: saved was said up to {max(told)}, stored is up to {end}"


def _heard(connection: Connection, room: str) -> Iterator[dict[str, Any]]:
    for frame in connection.frames:
        if frame.get("room") != room:
            continue
        if frame.get("ev") == "reset":
            yield from frame["events"]
        elif "at" in frame:
            yield frame


# --- The same as PostgreSQL ---------------------------------------------------------------


def _misheard(
    heard: Iterator[dict[str, Any]], rows: Sequence[Row], erased: set[Identity], evidence: Evidence
) -> Iterator[str]:
    stored = {row.position: row for row in rows}
    cids = {(row.user_id, row.cid): row.position for row in rows if row.cid is not None}
    for event in heard:
        place = position_of(event)
        row = stored.get(place)
        if row is not None:
            if event_of(row, erased) != blank(event, erased):
                yield f"O: at {place} stands {event_of(row, erased)}, heard was {event}"
        elif not evidence.moved:
            yield f"L: {event['ev']} at {place} was heard and is not stored"
        elif "cid" in event:
            now = cids.get((event["user"]["id"], event["cid"]))
            if now is not None and now.epoch <= place.epoch:
                yield f"O: a message moved from {place} to {now}, in the same epoch"


def _misplaced(ledger: Ledger, rows: Sequence[Row]) -> Iterator[str]:
    """Each answer to a sender tells where his message stands, and not another's."""
    places = {row.cid: row.position for row in rows if row.user_id == ledger.user}
    for sent in ledger.sent.values():
        told = [place for place in sent.positions if place != places.get(sent.cid, place)]
        if told:
            yield f"O: {ledger.who}'s {sent.text!r} is at {places[sent.cid]}, said was {told}"


def _screen(
    ledger: Ledger, rows: Sequence[Row], erased: set[Identity], *, moved: bool
) -> Iterator[str]:
    """What a living client shows is what is stored, from where its screen begins.

    Who was put out of the room shows it up to there.
    """
    if not ledger.alive or ledger.last is None:
        return
    if ledger.over not in {None, "room_gone"}:
        rows = [row for row in rows if row.position <= ledger.last]
    newest = rows[-1].position if rows else START
    shown = [blank(event, erased) for event in ledger.screen]
    last = ledger.last
    if moved and ledger.over:
        # What Redis lost at the end, nobody told who was no longer there.
        stored = {row.position for row in rows}
        while shown and position_of(shown[-1]) not in stored:
            shown.pop()
        last = position_of(shown[-1]) if shown else newest
        newest = min(last, newest)
    if last != newest and rows:
        yield f"L: {ledger.who} stands at {last}, the room at {newest}"
    if moved:
        shown = _without_earlier_places(shown)
    cids = Counter((each["user"]["id"], each["cid"]) for each in shown if "cid" in each)
    for (_, cid), times in cids.items():
        if times > 1:
            yield f"D: {ledger.who} shows {cid} {times} times"
    if not shown:
        return
    first = position_of(shown[0])
    expected = [event_of(row, erased) for row in rows if first <= row.position <= newest]
    if shown != expected:
        places = [str(position_of(event)) for event in shown]
        due = [str(position_of(event)) for event in expected]
        missing, extra = sorted(set(due) - set(places)), sorted(set(places) - set(due))
        yield f"G: {ledger.who} shows another history; missing {missing}, extra {extra}"


def _without_earlier_places(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the later place of a message that was sent again, as a page does."""
    kept: dict[object, dict[str, Any]] = {}
    for event in shown:
        own = (event["user"]["id"], event.get("cid"))
        key = own if "cid" in event else (event["epoch"], event["seq"])
        kept.pop(key, None)
        kept[key] = event
    return list(kept.values())


def _own_order(ledger: Ledger, rows: Sequence[Row]) -> Iterator[str]:
    places = {row.cid: row.position for row in rows if row.user_id == ledger.user}
    own = [places[cid] for cid in ledger.sent if cid in places]
    if own != sorted(own):
        yield f"O: {ledger.who}'s messages are stored in another order than they were said"


# --- PostgreSQL and Redis -----------------------------------------------------------------


def _doubled_rows(room: str, rows: Sequence[Row]) -> Iterator[str]:
    cids = Counter((row.user_id, row.cid) for row in rows if row.cid is not None)
    for (user, cid), times in cids.items():
        if times > 1:
            yield f"D: {user}'s {cid} is stored {times} times in {room}"
    for place, times in Counter(row.position for row in rows).items():
        if times > 1:
            yield f"D: {place} is stored {times} times in {room}"


def _after_the_end(room: str, rows: Sequence[Row]) -> Iterator[str]:
    ends = [row.position for row in rows if row.kind == Kind.DELETED]
    for row in rows:
        if ends and row.position > ends[0]:
            yield f"O: {row.position} stands after the end of {room} at {ends[0]}"


def _numbers(room: str, rows: Sequence[Row], *, whole: bool) -> Iterator[str]:
    """The events of a room are numbered in their order, also across epochs."""
    for before, after in itertools.pairwise(rows):
        if after.seq <= before.seq:
            yield f"O: {after.position} of {room} is stored after {before.position}"
        elif whole and after.seq != before.seq + 1:
            yield f"G: {after.position} of {room} is stored after {before.position}"
    if whole and rows and rows[0].seq != 1:
        yield f"G: the first event of {room} is {rows[0].position}"


def _redis_disagrees(
    evidence: Evidence, room: str, rows: Sequence[Row], erased: set[Identity]
) -> Iterator[str]:
    state = evidence.rooms.get(room)
    if state is None or not rows:
        return
    if not state.saved == state.newest == rows[-1].position:
        yield (
            f"L: {room} ends at {state.newest} in Redis and at {rows[-1].position} in PostgreSQL, "
            f"saved is {state.saved}"
        )
    stored = {row.position: rebuild(row) for row in rows}
    places = {place for place, _ in state.log}
    for place in stored:
        if places and place > min(places) and place not in places:
            yield f"G: {place} of {room} is stored and missing in Redis's log"
    for place, event in state.log:
        other = stored.get(place)
        if other is None and not evidence.moved:
            yield f"L: {place} of {room} is in Redis's log and not stored"
        elif other is not None and not _same(other, event, erased):
            yield f"O: {place} of {room} is {event!r} in Redis and {other!r} in PostgreSQL"


def _same(stored: bytes, event: bytes, erased: set[Identity]) -> bool:
    """Tell whether two events are the same bytes, or one of them is erased."""
    if stored == event:
        return True
    one, other = orjson.loads(stored), orjson.loads(event)
    return bool(one != other and blank(one, erased) == blank(other, erased))
