"""Named people, and rows of history as the drain carries them."""

from __future__ import annotations

from server.domain import events
from server.domain.positions import Position
from server.domain.records import Row, row_of
from server.domain.rooms import Role, User

ALICE = User("alice", "Alice")
BOB = User("bob", "Боб")
MALLORY = User("mallory", "Mallory")

EPOCH = 1_700_000_000_000


def live(parts: events.Parts, seq: int, epoch: int = EPOCH, at: int | None = None) -> bytes:
    return events.assemble(parts, Position(epoch, seq), EPOCH + seq if at is None else at)


def said(
    room: str, seq: int, text: str = "hi", *, user: User = ALICE, cid: str = "", epoch: int = EPOCH
) -> Row:
    return row_of("m", live(events.message(room, user, cid or f"c{seq}", text), seq, epoch))


def came(room: str, seq: int, user: User = BOB, role: Role = Role.MEMBER) -> Row:
    return row_of("j", live(events.joined(room, user, role), seq))


def went(room: str, seq: int, user: User = BOB, reason: str = "left") -> Row:
    return row_of("l", live(events.left(room, user, reason), seq))


def deleted(room: str, seq: int, user: User = ALICE) -> Row:
    return row_of("d", live(events.room_deleted(room, user), seq))
