"""What a message looks like after all that was done to it: its changes, folded into it.

Live, changes are events among the others; whoever reads a page of history gets messages as
they are now. A folded message is the event of the message, with the newest text, and::

    "edited":    {"epoch","seq","at"}                       when it was edited
    "deleted":   {"epoch","seq","at","user":{"id","name"}}  when it is gone; its text is ""
    "pinned":    {"epoch","seq","at","user":{"id","name"}}  while it is pinned
    "reactions": [{"emoji","users":[{"id","name"}, …]}, …]  what is under it, the oldest first

each only where there is something to say; nothing is said of a deleted message but that, and
it has no files.

A message is known by its author and cid. Of each kind of change (the text, the deletion,
one person's use of one emoji, the pin) the one with the highest position counts, so changes may
come in any order and any number of times.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple, TypeAlias

import orjson

from server.domain.events import CHANGES, Kind
from server.domain.positions import Position

Identity: TypeAlias = tuple[str, str, str]
"""The room of a message, its author and cid: its name for ever."""

SHOWN = frozenset({Kind.MESSAGE, Kind.JOINED, Kind.LEFT, Kind.ROLE, Kind.DELETED})
"""The kinds that a page of history lists."""


class Change(NamedTuple):
    """An edit, a deletion, a reaction or a pin: where it stands and the fields of its event."""

    position: Position
    kind: str
    fields: dict[str, Any]

    @classmethod
    def read(cls, kind: str, event: bytes) -> Change:
        """Decode the event of a change."""
        fields = orjson.loads(event)
        return cls(Position(fields["epoch"], fields["seq"]), kind, fields)

    @property
    def target(self) -> Identity:
        """The message that it is about."""
        target = self.fields["target"]
        return self.fields["room"], target["user"], target["cid"]

    @property
    def aspect(self) -> tuple[str, ...]:
        """What of the message it changes: a later change of the same replaces it."""
        if self.kind == Kind.REACTION:
            return self.kind, self.fields["emoji"], self.fields["user"]["id"]
        return (self.kind,)


class Fold:
    """The changes of some messages, each aspect with the one that counts."""

    def __init__(self) -> None:
        self._changes: defaultdict[Identity, dict[tuple[str, ...], Change]] = defaultdict(dict)

    def add(self, kind: str, event: bytes) -> None:
        """Take a change in; events of other kinds are no changes."""
        if kind not in CHANGES:
            return
        change = Change.read(kind, event)
        known = self._changes[change.target]
        other = known.get(change.aspect)
        if other is None or other.position < change.position:
            known[change.aspect] = change

    def apply(self, kind: str, event: bytes) -> bytes:
        """Return the event of a message with its changes; any other as it is."""
        if kind != Kind.MESSAGE or not self._changes:
            return event
        fields = orjson.loads(event)
        changes = self._changes.get(_identity(fields))
        if not changes:
            return event
        fields |= _summary(changes)
        if "deleted" in fields:
            fields.pop("files", None)
        return orjson.dumps(fields)


def identity_of(message: bytes) -> Identity:
    """Return the identity of a message, given as event JSON."""
    return _identity(orjson.loads(message))


def _identity(fields: dict[str, Any]) -> Identity:
    return fields["room"], fields["user"]["id"], fields["cid"]


def _summary(changes: dict[tuple[str, ...], Change]) -> dict[str, Any]:
    """Say what fields of a message are different now."""
    tombstone = changes.get((Kind.TOMBSTONE,))
    if tombstone is not None:
        return {"text": "", "deleted": _place(tombstone) | {"user": tombstone.fields["user"]}}
    summary: dict[str, Any] = {}
    edit = changes.get((Kind.EDITED,))
    if edit is not None:
        summary = {"text": edit.fields["text"], "edited": _place(edit)}
    pin = changes.get((Kind.PINNED,))
    if pin is not None and pin.fields["on"]:
        summary["pinned"] = _place(pin) | {"user": pin.fields["user"]}
    reactions: dict[str, list[dict[str, str]]] = {}
    for change in sorted(changes.values()):
        if change.kind == Kind.REACTION and change.fields["on"]:
            reactions.setdefault(change.fields["emoji"], []).append(change.fields["user"])
    if reactions:
        listed = [{"emoji": emoji, "users": users} for emoji, users in reactions.items()]
        summary["reactions"] = listed
    return summary


def _place(change: Change) -> dict[str, int]:
    return {name: change.fields[name] for name in ("epoch", "seq", "at")}
