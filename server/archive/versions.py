"""What a message said before: its first text and each text that it was given later."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from server.archive.pins import unsaved_changes
from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.fold import Change, identity_of
from server.domain.positions import Position
from server.state import history
from server.state.client import RedisClient
from server.storage.messages import Messages


class Version(NamedTuple):
    """A text that a message had from ``at`` on, Unix ms."""

    position: Position
    at: int
    text: str


async def versions(
    client: RedisClient, messages: Messages, room: str, position: Position
) -> list[Version]:
    """Return the texts of the message at a position, the oldest first, the one of now the last.

    Raises:
        Refusal: ``message_not_found``, also for a deleted one; ``room_gone``,
            ``room_unavailable``, ``unavailable``.
    """
    unsaved = await unsaved_changes(client, room)
    standing = await history.standing(client, room, [position])
    live = [entry.event for entry in standing if entry.kind == Kind.MESSAGE]
    try:
        message = live[0] if live else await _saved(messages, room, position)
        if message is None:
            edits, changes = [], []
        else:
            edits = await messages.edits_of(*identity_of(message))
            changes = await messages.changes_of([identity_of(message)])
    except Refusal as refusal:
        raise Refusal("room_unavailable") from refusal
    if message is None:
        raise Refusal("message_not_found")
    said = orjson.loads(message)
    found = {position: Version(position, said["at"], said["text"])}
    for _position, kind, event in [*edits, *changes, *unsaved]:
        change = Change.read(kind, event)
        if change.target != identity_of(message):
            continue
        if kind == Kind.TOMBSTONE:
            raise Refusal("message_not_found")
        if kind == Kind.EDITED:
            fields = change.fields
            found[change.position] = Version(change.position, fields["at"], fields["text"])
    return [found[position] for position in sorted(found)]


async def _saved(messages: Messages, room: str, position: Position) -> bytes | None:
    before = Position(position.epoch, position.seq - 1)
    page = await messages.page(room, after=before, limit=1)
    return next(
        (event for at, kind, event in page if at == position and kind == Kind.MESSAGE), None
    )
