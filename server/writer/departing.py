"""Deals with what deleted accounts leave behind, a bounded piece at a time.

Their texts are deleted where that was wished, as anybody's are: an event of its own in every
room, so pages that are open lose them too. Then they leave their rooms, of which own ones go to
somebody else, and what is saved gets their new name. Every step may be done again by any writer,
so nobody need agree on who does it.
A leaver stays on the list until nothing of his can be on its way into PostgreSQL any more.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from typing import Final

from server.archive.archive import Archive
from server.domain import events
from server.domain.errors import Refusal
from server.domain.positions import Position
from server.domain.rooms import Role, User
from server.state.changes import Change
from server.storage.administration import Administration
from server.storage.audit import Actor
from server.storage.departures import Departures, Leaver, Place
from server.storage.pool import Pool

log = logging.getLogger(__name__)

LEAVERS: Final = 10
"""Accounts that one sweep looks at."""
IDLE: Final = 12
"""Pauses that are left out while nothing is found."""
_NOBODY: Final = Actor("", "the deletion of the account", "")
_FINAL: Final = {"not_a_member", "forbidden", "room_gone", "room_not_found"}


class Departing:
    """Sweeps over deleted accounts."""

    def __init__(self, archive: Archive, pool: Pool) -> None:
        self._archive = archive
        self._departures = Departures(pool)
        self._administration = Administration(pool)
        self._pause_s = pool.settings.deletion_sweep_s

    async def run(self) -> None:
        """Sweep for ever; what cannot be done now is tried again the next time."""
        busy = False
        while True:
            pause_s = self._pause_s * (1 if busy else IDLE)
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
            try:
                busy = bool(await self.sweep())
            except Refusal as refusal:
                busy = False
                log.debug("a departure waits", extra={"code": refusal.code})

    async def sweep(self) -> int:
        """Do a piece of what is left to do; returns how much was found, 0 for nothing.

        Raises:
            Refusal: ``unavailable`` and what else passes; the next sweep goes on from here.
        """
        found = 0
        for leaver in await self._departures.waiting(LEAVERS):
            done = await self._clear(leaver)
            found += done
            if done == 0 and leaver.settled:
                await self._departures.end(leaver.user.id)
                log.info("a departure is finished", extra={"user": leaver.user.id})
        return found

    async def _clear(self, leaver: Leaver) -> int:
        done = 0
        async for place in self._departures.places(leaver.user.id):
            said = await self._erase(leaver.user, place) if leaver.erase else 0
            while renamed := await self._departures.rename_said(place.room, leaver.user):
                done += renamed
            while renamed := await self._departures.rename_roles(place.room, leaver.user):
                done += renamed
            if not said and not place.deleted:
                done += not await self._part(leaver.user, place)
            done += said
        while renamed := await self._departures.rename_comings(leaver.user):
            done += renamed
        return done

    async def _erase(self, user: User, place: Place) -> int:
        if place.deleted:
            return await self._departures.erase_said(place.room, user.id)
        made = 0
        for position, cid in await self._departures.standing(place.room, user.id):
            for actor in (user, place.owner):
                # The same deletion has the same cid, so a second try finds the first.
                named = hashlib.sha256(f"{user.id} {cid}".encode()).hexdigest()[:32]
                code = await self._delete(actor, place.room, position, f"gone-{named}")
                if code not in _FINAL:
                    made += code == ""
                    break
            else:
                log.warning("a text cannot be erased", extra={"room": place.room})
                break
        return made

    async def _delete(self, actor: User, room: str, target: Position, cid: str) -> str:
        """Delete a message; returns why not, ``""`` when it is done."""
        change = Change(room, actor, cid, target, events.deleted(room, actor, cid))
        while True:
            try:
                await self._archive.change(change)
            except Refusal as refusal:
                if refusal.code == "rate_limited":
                    await asyncio.sleep((refusal.retry_ms or 1000) / 1000)
                    continue
                if refusal.code == "message_not_found" or refusal.code in _FINAL:
                    return refusal.code
                raise
            return ""

    async def _part(self, user: User, place: Place) -> bool:
        """Give an own room to somebody else, and leave; False when it has to be tried again."""
        if place.owner.id == user.id and not place.direct:
            heir = await self._departures.heir(place.room, user.id)
            if heir is None:
                return True  # nobody is left to whom it could matter
            try:
                # Redis first: were it second, a crash between would leave it with the old owner.
                nobody = User(_NOBODY.id, _NOBODY.name)
                await self._archive.hand_over(place.room, nobody, heir, user)
            except Refusal as refusal:
                if refusal.code == "person_not_found":
                    return False  # the heir has just left, which is not saved yet
                if refusal.code in _FINAL:
                    return True
                raise
            await self._administration.change_owner(_NOBODY, place.room, heir)
            log.info("a room has another owner", extra={"room": place.room, "user": heir.id})
        elif place.role not in {Role.MEMBER, Role.MODERATOR}:
            return True
        await self._leave(user, place)
        return True

    async def _leave(self, user: User, place: Place) -> None:
        try:
            # Only a room that is in Redis can be left, and to enter it would be the opposite.
            await self._archive.page(place.room, limit=1)
            await self._archive.rooms.leave(place.room, user)
        except Refusal as refusal:
            if refusal.code not in _FINAL:
                raise
