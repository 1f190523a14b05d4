"""The ops that wait for Redis or PostgreSQL, one function each.

They run in the read loop of their connection, so a person's ops keep their order.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import orjson

from server.chat.joining import Joining, PlaceLost
from server.domain import commands, events, frames
from server.domain.commands import Command
from server.domain.errors import CloseCode, Refusal
from server.domain.rooms import User
from server.domain.scopes import Scope
from server.state.changes import Change
from server.state.rooms import Cold

if TYPE_CHECKING:
    from server.chat.connection import Connection

PIECE_BYTES: Final = 262_144
"""What a comer missed is written in pieces of this size; the next waits until it has left."""
PACKED_PIECE_BYTES: Final = 32_768
"""The same, before compression, for one that reads it compressed: about a millisecond of work."""


async def ask(connection: Connection, command: Command) -> None:
    """Run an op and answer it.

    Raises:
        Refusal: what to answer instead.
    """
    if isinstance(command, commands.Subscribe):
        await subscribe(connection, command)
    elif isinstance(command, commands.Unsubscribe):
        unsubscribe(connection, command)
    elif isinstance(command, commands.Read):
        await mark_read(connection, command)
    elif isinstance(command, commands.Change):
        await change(connection, command)
    elif isinstance(command, commands.History):
        await history(connection, command)
    elif isinstance(command, commands.Refresh):
        await refresh(connection, command)


async def subscribe(connection: Connection, command: commands.Subscribe) -> None:
    """Enter a room and hear it from a position on."""
    # Hearing a room again begins by hearing it no longer: one place, no repeats.
    before = connection.rooms.pop(command.room, None)
    if before is not None:
        before.remove(connection)
    around = connection.around
    if len(connection.rooms) >= around.limits.rooms_per_socket:
        raise Refusal("too_many_rooms")
    with await around.lobby.join(command.room, connection.user, command.position) as joining:
        await admit(connection, joining, command.id)


async def admit(connection: Connection, joining: Joining, re: str, head: bytes = b"") -> None:
    """Answer a join that is prepared, behind ``head``; write what was missed, and go live."""
    level = connection.deflate
    try:
        joining.check()
    except Refusal as refusal:
        connection.write(head)
        connection.refuse(re, refusal)
        return
    connection.write(head + frames.answer(re, joining.answer(), level))
    try:
        for piece in joining.pieces(PACKED_PIECE_BYTES if level else PIECE_BYTES, level):
            await connection.outbox.write_asked(piece)
            if connection.outbox.code is not None:
                return
            if level:
                await asyncio.sleep(0)  # it is others' turn before the next is compressed
    except PlaceLost:
        connection.close(CloseCode.POSITION_INVALID, "The room moved on. Come back and resume.")
        return
    connection.parted.pop(joining.room.id, None)
    if joining.finish(connection):
        connection.rooms[joining.room.id] = joining.room


def unsubscribe(connection: Connection, command: commands.Unsubscribe) -> None:
    """Hear a room no longer."""
    connection.room(command.room).remove(connection)
    del connection.rooms[command.room]
    connection.answer(command, {"room": command.room})


async def mark_read(connection: Connection, command: commands.Read) -> None:
    """Note how far the person has read."""
    connection.room(command.room)
    archive = connection.around.archive
    try:
        mark, unread = await archive.rooms.read(command.room, connection.user, command.position)
    except Cold:
        await archive.enter(command.room, connection.user)
        try:
            mark, unread = await archive.rooms.read(command.room, connection.user, command.position)
        except Cold:
            raise Refusal("room_unavailable") from None
    connection.answer(command, {"room": command.room, **mark._asdict(), "unread": unread})


async def change(connection: Connection, command: commands.Change) -> None:
    """Edit, delete or pin a message, or put an emoji under it or away."""
    connection.room(command.room)
    posted = await connection.around.archive.change(_change_of(connection.user, command))
    connection.answer(command, posted.describe(command.room))


def _change_of(user: User, command: commands.Change) -> Change:
    room, cid = command.room, command.cid
    if isinstance(command, commands.Edit):
        parts = events.edited(room, user, cid, command.text)
    elif isinstance(command, commands.Delete):
        parts = events.deleted(room, user, cid)
    elif isinstance(command, commands.Pin):
        parts = events.pinned(room, user, cid, command.on)
    else:
        parts = events.reaction(room, user, cid, command.emoji, command.on)
    return Change(room, user, cid, command.position, parts)


async def history(connection: Connection, command: commands.History) -> None:
    """Give a page of older or newer events."""
    connection.room(command.room)
    page = await connection.around.archive.page(
        command.room, before=command.before, after=command.after, limit=command.limit
    )
    # He may have been put out while PostgreSQL was asked.
    connection.room(command.room)
    # The events are JSON already: only what is around them is encoded.
    head = orjson.dumps({"re": command.id, "ok": {"room": command.room, "more": page.more}})
    payload = b'%s,"events":[%s]}}' % (head[:-2], b",".join(page.events))
    await connection.outbox.write_asked(frames.text_frame(payload, connection.deflate))


async def refresh(connection: Connection, command: commands.Refresh) -> None:
    """Go on under a newer token of the same person."""
    identity = await connection.around.identities.from_token(command.token)
    if identity.user.id != connection.user.id:
        raise Refusal("unauthorized", "The token is another person's.")
    identity.need(Scope.READ)
    connection.around.roster.change(connection, identity)
    connection.await_expiry()
    connection.answer(command, {"expires_s": connection.expires_s()})
