"""A small Python model of what the function library promises, to compare it with.

The model says what must be true, not how it is done: it knows the whole history of every
room, and looks at an answer of Redis as a judge would. Epochs are Redis's to choose; the
model only checks that they grow when something may have been lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from server.domain.errors import Refusal
from server.domain.positions import START, Position
from server.domain.rooms import Member, Role, Room, RoomSnapshot, Visibility
from server.state.history import Entry, Synced

OWNER = "alice"


@dataclass
class Stored:
    """A room as PostgreSQL has it."""

    entries: list[Entry] = field(default_factory=list)
    last: Position = START
    messages: int = 0
    members: dict[str, str] = field(default_factory=lambda: {OWNER: "owner"})
    reads: dict[str, tuple[Position, int]] = field(default_factory=dict)
    deleted: bool = False

    def store(self, entry: Entry, fields: dict[str, Any]) -> None:
        """Take an event once; a message that was sent again moves to its later place."""
        for kept in self.entries:
            if kept.position == entry.position:
                assert kept == entry, "a position was given twice"
                return
        user = fields["user"]["id"]
        older = [kept for kept in self.entries if name_of(kept) == (user, fields.get("cid"))]
        if any(kept.position > entry.position for kept in older):
            return
        self.entries = sorted([kept for kept in self.entries if kept not in older] + [entry])
        self.last = max(self.last, entry.position)
        if entry.kind == "m":
            self.messages += not older
        elif entry.kind == "j":
            self.members[user] = "member"
            self.reads[user] = (entry.position, self.messages)
        elif entry.kind == "l":
            self.members.pop(user, None)
            if fields["reason"] == "banned":
                self.members[user] = "banned"
            else:
                self.reads.pop(user, None)
        elif entry.kind == "g":
            self.members[user] = fields["role"]

    def store_mark(self, user: str, position: Position, messages: int) -> None:
        """Take a read mark; marks only grow."""
        if user in self.members:
            self.reads[user] = max(self.reads.get(user, (START, 0)), (position, messages))

    def snapshot(self, room: str, visibility: Visibility, log_events: int) -> RoomSnapshot:
        """What hydration carries to Redis."""
        return RoomSnapshot(
            Room(room, room.title(), OWNER, visibility, 0, self.deleted),
            self.last,
            self.messages,
            {user: Member(Role(role), user.title()) for user, role in self.members.items()},
            dict(self.reads),
            [(*entry,) for entry in self.entries[-log_events:]],
        )


@dataclass
class Live:
    """A room as Redis must have it."""

    entries: list[Entry]
    position: Position
    saved: Position
    messages: int
    members: dict[str, str]
    reads: dict[str, tuple[Position, int]]
    visibility: Visibility
    deleted: bool = False

    @classmethod
    def hydrated(cls, stored: Stored, visibility: Visibility) -> Live:
        """A room that has just been brought back."""
        return cls(
            list(stored.entries),
            stored.last,
            stored.last,
            stored.messages,
            dict(stored.members),
            dict(stored.reads),
            visibility,
        )

    def append(self, entry: Entry) -> None:
        """Take the next event of the room."""
        assert entry.position.seq == self.position.seq + 1, (entry, self.position)
        assert entry.position.epoch >= self.position.epoch
        self.entries.append(entry)
        self.position = entry.position
        self.messages += entry.kind == "m"

    def unread(self, user: str) -> int:
        """Messages behind the mark of a person."""
        return max(0, self.messages - self.reads.get(user, (START, 0))[1])

    def role(self, user: str) -> str:
        """What a person is in the room; empty for strangers and banned people."""
        role = self.members.get(user, "")
        return "" if role == "banned" else role

    def moderate(self, user: str, action: str) -> None:
        """Take a change that was allowed."""
        if action in {"remove", "unban"}:
            del self.members[user]
            self.reads.pop(user, None)
        else:
            self.members[user] = "banned" if action == "ban" else action

    def may_hear(self, user: str) -> bool:
        """Whether a person may come in."""
        role = self.members.get(user)
        return role != "banned" and (role is not None or self.visibility is Visibility.PUBLIC)

    def check_synced(
        self, synced: Synced, asked: Position | None, limit: int, log: list[Entry]
    ) -> None:
        """Judge an answer to somebody who has everything up to ``asked``."""
        assert synced.position == self.position
        assert synced.saved == self.saved
        if asked is None:
            assert (synced.mode, synced.entries) == ("resumed", [])
            return
        known = asked == START or any(entry.position == asked for entry in self.entries)
        missed = [entry for entry in self.entries if entry.position > asked]
        whole = len(missed) == self.position.seq - asked.seq
        here = missed == log[len(log) - len(missed) :]
        if synced.mode == "resumed":
            assert known
            assert whole
            assert synced.entries == missed
            assert len(missed) <= limit
        elif synced.mode == "older":
            # Of an epoch before the last Redis only knows what is in the log.
            asked_is_here = asked == START or any(entry.position == asked for entry in log)
            assert not (asked_is_here and whole and here), "the log has all of it"
            assert not synced.entries
        else:
            assert synced.mode == "reset"
            assert not (known and whole) or len(missed) > limit
            assert synced.entries == log[len(log) - len(synced.entries) :]

    def check_log(self, log: list[Entry]) -> None:
        """The log is the end of the history, and holds everything that is not saved."""
        assert log == self.entries[len(self.entries) - len(log) :]
        unsaved = [entry for entry in self.entries if entry.position > self.saved]
        assert unsaved == log[len(log) - len(unsaved) :] if unsaved else True


class Waiting(NamedTuple):
    """A record of the drain: an event, or a read mark (kind ``r``)."""

    number: int
    kind: str
    what: Entry | tuple[str, str, Position, int]
    """A read mark is room, user, position, messages."""


@dataclass
class Line:
    """A partition: its epoch, its counter, and what waits to be saved."""

    highest: int = 0
    """The highest epoch that any event or PostgreSQL has seen here."""
    settled: bool = False
    """Whether nothing can have been lost since the last event."""
    n: int = 0
    drain: list[Waiting] = field(default_factory=list)
    clock: int = 0
    """Number of the newest record that Redis remembers, also when it was drained."""

    def take_epoch(self, epoch: int) -> None:
        """Judge the epoch that Redis gave to an event."""
        if self.settled:
            assert epoch == self.highest, (epoch, self.highest)
        else:
            assert epoch > self.highest, (epoch, self.highest)
        self.highest = epoch
        self.settled = True


def name_of(entry: Entry) -> tuple[str, str] | None:
    """Who said it and by which cid; None for what is not said."""
    fields = orjson.loads(entry.event)
    return (fields["user"]["id"], fields["cid"]) if "cid" in fields else None


def code_of(outcome: object) -> str:
    """The code of a refusal; anything else is ``ok``."""
    return outcome.code if isinstance(outcome, Refusal) else "ok"


RANK = {"owner": 3, "moderator": 2, "": 0}


def expect_moderation(
    live: Live | None, by: str, who: str, action: str, *, full: bool
) -> tuple[str, bool]:
    """What is answered to somebody who moderates, and whether the room changes."""
    code, changes = _expect_moderation(live, by, who, action)
    is_urgent = action == "remove" or (action == "ban" and live is not None and live.role(who))
    return ("storage_backlog", False) if full and changes and not is_urgent else (code, changes)


def _expect_moderation(live: Live | None, by: str, who: str, action: str) -> tuple[str, bool]:
    if live is None:
        return "cold", False
    if live.deleted:
        return "room_gone", False
    if not live.role(by):
        return "not_a_member", False
    mine, his = RANK.get(live.role(by), 1), RANK.get(live.members.get(who, ""), 1)
    given = 2 if action == "moderator" else 1
    if mine < 2 or by == who or max(his, given) >= mine:
        return "forbidden", False
    role = live.members.get(who)
    if action == "unban":
        return ("ok", True) if role == "banned" else ("person_not_found", False)
    if action == "ban":
        return "ok", role != "banned"
    if not live.role(who):
        return "person_not_found", False
    return "ok", role != action
