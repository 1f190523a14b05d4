"""What a room looks like: its events, taken in one after another as a page does.

This is said a second time on purpose: the server folds changes into messages by itself
(``server/domain/fold.py``), and both must come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from server.domain.positions import Position
from tests.scenarios.erased import Identity
from tests.scenarios.ledger import position_of


@dataclass(slots=True)
class Message:
    """A message as it is shown now."""

    position: Position
    text: str
    edited: Position | None = None
    deleted: Position | None = None
    reactions: dict[str, set[str]] = field(default_factory=dict)
    """Emoji -> the people who put it there."""


@dataclass(slots=True)
class State:
    """A room at a moment; ``others`` are the events that are no messages and change none."""

    messages: dict[Identity, Message] = field(default_factory=dict)
    others: dict[Position, dict[str, Any]] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    gone: bool = False

    def take(self, event: dict[str, Any]) -> None:
        """Take the next event of the room in, or an older one from a page of history."""
        ev = event["ev"]
        if ev == "message":
            self._take_message(event)
        elif ev in {"edited", "deleted", "reaction"}:
            self.change(event)
        else:
            self.others[position_of(event)] = event
            self.gone = self.gone or ev == "room_deleted"

    def change(self, event: dict[str, Any]) -> None:
        """Take a change in; a message that is not here is not changed."""
        target = event["target"]
        message = self.messages.get((target["user"], target["cid"]))
        if message is None or message.deleted:
            return
        if event["ev"] == "edited":
            message.text, message.edited = event["text"], position_of(event)
        elif event["ev"] == "deleted":
            message.text, message.edited, message.deleted = "", None, position_of(event)
            message.reactions = {}
        else:
            people = message.reactions.setdefault(event["emoji"], set())
            (people.add if event["on"] else people.discard)(event["user"]["id"])
            if not people:
                del message.reactions[event["emoji"]]

    def _take_message(self, event: dict[str, Any]) -> None:
        identity = (event["user"]["id"], event["cid"])
        place = position_of(event)
        known = self.messages.get(identity)
        if known is not None and known.position > place:
            return
        message = Message(place, event["text"])
        for name in ("edited", "deleted"):
            if name in event:
                setattr(message, name, position_of(event[name]))
        for each in event.get("reactions", ()):
            message.reactions[each["emoji"]] = {user["id"] for user in each["users"]}
        self.messages[identity] = message


def state_of(events: Iterable[dict[str, Any]]) -> State:
    """Take events in, in their order; who is a member follows from them."""
    state = State()
    for event in events:
        state.take(event)
    for _, event in sorted(state.others.items()):
        if event["ev"] == "joined":
            state.members.add(event["user"]["id"])
        elif event["ev"] == "left":
            state.members.discard(event["user"]["id"])
    return state


def differences(one: State, other: State) -> list[str]:
    """Say in words where two states are not the same."""
    names = one.messages.keys() | other.messages.keys()
    places = one.others.keys() | other.others.keys()
    pairs: list[tuple[object, object, object]] = [
        *((name, one.messages.get(name), other.messages.get(name)) for name in names),
        *((place, one.others.get(place), other.others.get(place)) for place in places),
        ("members", one.members, other.members),
        ("gone", one.gone, other.gone),
    ]
    return [f"{what} is {mine}, there {theirs}" for what, mine, theirs in pairs if mine != theirs]
