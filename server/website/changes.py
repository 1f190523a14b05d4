"""Changing messages over HTTP: edits, deletions, reactions, pins."""

from __future__ import annotations

from server.auth.identity import Identity
from server.domain import events
from server.domain.errors import Refusal
from server.domain.events import ChangeParts
from server.domain.ids import new_id
from server.domain.positions import Position
from server.domain.rooms import User
from server.domain.text import check_emoji, check_text
from server.state.changes import Change
from server.state.posts import Posted
from server.website.deps import WebsiteDeps
from server.website.rooms import hide, see_as_member


class Changer:
    """One person's change of one message; without a ``cid`` it is a new one each time.

    Every method raises a ``Refusal``: one of the input, ``room_not_found`` also where the
    room is not for this person, ``not_a_member`` for a stranger in a public room,
    ``message_not_found``, ``forbidden``, ``rate_limited``, ``storage_backlog``,
    ``room_unavailable``, ``unavailable``.
    """

    def __init__(
        self, deps: WebsiteDeps, identity: Identity, room_id: str, target: Position, cid: str | None
    ) -> None:
        self._deps = deps
        self._identity = identity
        self._room_id = room_id
        self._target = target
        self._cid = cid or new_id()

    async def edit(self, text: str) -> Posted:
        """Give the own message another text."""
        text = check_text(text, self._deps.settings.text_chars)
        return await self._make(events.edited(*self._who, text))

    async def delete(self) -> Posted:
        """Delete the message."""
        return await self._make(events.deleted(*self._who))

    async def react(self, emoji: str, *, on: bool) -> Posted:
        """Put an emoji under the message, or take it away."""
        return await self._make(events.reaction(*self._who, check_emoji(emoji), on))

    async def pin(self, *, on: bool) -> Posted:
        """Pin the message for everybody in the room, or take the pin away."""
        return await self._make(events.pinned(*self._who, on))

    @property
    def _who(self) -> tuple[str, User, str]:
        return self._room_id, self._identity.user, self._cid

    async def _make(self, parts: ChangeParts) -> Posted:
        await see_as_member(self._deps, self._identity, self._room_id)
        room, user, cid = self._who
        try:
            return await self._deps.archive.change(Change(room, user, cid, self._target, parts))
        except Refusal as refusal:
            raise hide(refusal) from refusal
