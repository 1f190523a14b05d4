"""What one client did and heard, kept for the judge, in memory or in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import orjson

from server.domain.positions import Position


@dataclass(slots=True)
class Sent:
    """One own message, or change of a message, from the moment when it was written."""

    cid: str
    text: str
    at: float
    """Monotonic seconds."""
    positions: list[Position] = field(default_factory=list)
    """Where it stood, by every answer and every event about it, each once."""
    tries: int = 0
    acknowledged_at: float | None = None
    saved_at: float | None = None
    refused: str | None = None
    """Code of a final refusal."""
    op: str = "send"
    target: tuple[str, str] | None = None
    """Author and cid of the message that is changed."""
    fields: dict[str, Any] = field(default_factory=dict)
    """What else the op says."""


@dataclass(slots=True)
class Connection:
    """Every frame of one socket, in the order in which they came."""

    replica: int
    asked: Position | None
    """The position that was given with the address."""
    frames: list[dict[str, Any]] = field(default_factory=list)
    closed: int | None = None


@dataclass(slots=True)
class Ledger:
    """One client's account of a run; ``alive`` is False for who left before the end."""

    who: str
    user: str
    room: str
    alive: bool = True
    over: str | None = None
    """Why the room ended for this client, as a code, or None."""
    sent: dict[str, Sent] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)
    passing: list[str] = field(default_factory=list)
    """Refusals after which the same message was sent again."""
    screen: list[dict[str, Any]] = field(default_factory=list)
    """The positioned events that the client shows: everything since the last reset."""
    start: Position | None = None
    """Where the screen begins: the position before its first event."""
    last: Position | None = None
    saved: Position = field(default_factory=lambda: Position(0, 0))
    """The highest watermark that it has heard of."""


def position_of(fields: dict[str, Any]) -> Position:
    """Read the position of an event or an answer."""
    return Position(fields["epoch"], fields["seq"])


# --- In a folder --------------------------------------------------------------------------


def write(ledgers: Iterable[Ledger], folder: Path) -> None:
    """Keep ledgers as JSON lines, one file each; the folder is made when it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, ledger in enumerate(ledgers):
        with (folder / f"ledger-{number:04}.jsonl").open("wb") as file:
            file.writelines(orjson.dumps(line, default=tuple) + b"\n" for line in _lines(ledger))


def read(folder: Path) -> list[Ledger]:
    """Read the ledgers that ``write`` kept, in their order."""
    return [_ledger(file) for file in sorted(folder.glob("ledger-*.jsonl"))]


def _lines(ledger: Ledger) -> Iterator[dict[str, Any]]:
    names = {each.name for each in fields(Ledger)} - {"sent", "connections", "screen"}
    yield {name: getattr(ledger, name) for name in names}
    for sent in ledger.sent.values():
        yield {"sent": asdict(sent)}
    for connection in ledger.connections:
        yield {"connection": asdict(replace(connection, frames=[]))}
        for frame in connection.frames:
            yield {"frame": frame}
    for event in ledger.screen:
        yield {"shown": event}


def _ledger(file: Path) -> Ledger:
    head, *lines = map(orjson.loads, file.read_bytes().splitlines())
    ledger = Ledger(
        **head
        | {"start": _position(head["start"]), "last": _position(head["last"])}
        | {"saved": Position(*head["saved"])}
    )
    for line in lines:
        ((what, value),) = line.items()
        if what == "sent":
            places = [Position(*each) for each in value["positions"]]
            target = value["target"] and tuple(value["target"])
            ledger.sent[value["cid"]] = Sent(**value | {"positions": places, "target": target})
        elif what == "connection":
            asked = _position(value["asked"])
            ledger.connections.append(Connection(**value | {"asked": asked}))
        elif what == "frame":
            ledger.connections[-1].frames.append(value)
        else:
            ledger.screen.append(value)
    return ledger


def _position(numbers: list[int] | None) -> Position | None:
    return None if numbers is None else Position(*numbers)
