"""Frames on their way to the members of a room: the same bytes for all, joined, in slices.

Those who agreed on compression get the same frames compressed, again the same bytes for all of
them; nothing is compressed in a room without such a member.

What arrived in one turn of the event loop leaves in one write per member. A large room takes
several turns, so that small ones do not wait for it; what arrives meanwhile is joined for the next
round. Few members are due other bytes than all: who came while frames waited, who is about to go,
and who need not hear of himself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from server.chat.people import Member
from server.domain.frames import TextFrame
from server.runtime.instruments import DELIVERED_BYTES, DELIVERIES


class Fanout:
    """Writes to ``members`` in the order of what is queued.

    Attributes:
        watermark: the frame of a saved watermark that waits for others to go with.
    """

    __slots__ = (
        "_at",
        "_bytes",
        "_frames",
        "_joined",
        "_leaving",
        "_members",
        "_others",
        "_packed",
        "_reached",
        "_round",
        "_skips",
        "watermark",
    )

    def __init__(self, members: Mapping[Member, Any]) -> None:
        self._members = members
        self._frames: list[TextFrame] = []
        self._skips: dict[Member, set[int]] = {}
        self._round: Sequence[Member] = ()
        self._others: dict[Member, bytes] = {}
        self._leaving: Sequence[TextFrame] = ()
        self._joined = b""
        self._packed: bytes | None = None
        self._at = self._reached = self._bytes = 0
        self.watermark: TextFrame | None = None

    def queue(self, frame: TextFrame, but: Iterable[Member] = ()) -> bool:
        """Add a frame for all ``but`` some; return whether it is the first that waits."""
        for member in but:
            self._skips.setdefault(member, set()).add(len(self._frames))
        self._frames.append(frame)
        return len(self._frames) == 1

    def write(self, most: int) -> int:
        """Write to up to ``most`` members; return to how many.

        Fewer means that the round is over: everybody has what was queued when it began.
        """
        if not self._round and not self._begin():
            return 0
        joined, others, members = self._joined, self._others, self._members
        turn = self._round[self._at : self._at + most]
        self._at += most
        reached = written = 0
        for member in turn:
            # Somebody may have left since the round began.
            if member not in members:
                continue
            if others and member in others:
                data = others[member]
            elif member.deflate:
                data = self._packed or self._pack(member.deflate)
            else:
                data = joined
            if data:
                member.write(data)
                reached += 1
                written += len(data)
        self._reached += reached
        self._bytes += written
        if len(turn) < most:
            self._end()
        return reached

    @property
    def waits(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._round or self._frames)

    def flush(self) -> None:
        """Write all that is queued to everybody, now."""
        while self.waits:
            self.write(len(self._members) + 1)

    def come(self, member: Member) -> None:
        """Let somebody hear what is queued from now on."""
        if self._round:
            self._others[member] = b""  # he may have gone and come back amid it
        if self._frames:
            self._skips[member] = set(range(len(self._frames)))

    def finish(self, member: Member) -> None:
        """Write all that is queued to one member, who is about to go."""
        left = b""
        if member in self._round[self._at :]:
            left = self._others.get(member, self._joined)
            if member.deflate and member not in self._others:
                left = self._packed or self._pack(member.deflate)
        left += self._without(self._skips.get(member, ()), member.deflate)
        if left:
            member.write(left)
        self.come(member)

    def _begin(self) -> bool:
        frames = self._frames
        if not frames:
            return False
        if self.watermark is not None:
            frames.append(self.watermark)
            self.watermark = None
        self._others = {
            member: self._without(skips, member.deflate) for member, skips in self._skips.items()
        }
        self._joined = (
            frames[0].plain if len(frames) == 1 else b"".join([frame.plain for frame in frames])
        )
        self._leaving, self._packed = frames, None
        self._frames, self._skips = [], {}
        self._round, self._at = tuple(self._members), 0
        return True

    def _pack(self, level: int) -> bytes:
        self._packed = b"".join([frame.at(level) for frame in self._leaving])
        return self._packed

    def _end(self) -> None:
        # Once in a round: a counter costs a fifth of what a write does.
        DELIVERIES.inc(len(self._leaving) * self._reached)
        DELIVERED_BYTES.inc(self._bytes)
        self._round, self._others, self._leaving = (), {}, ()
        self._reached = self._bytes = 0

    def _without(self, skips: Iterable[int], level: int) -> bytes:
        return b"".join(frame.at(level) for at, frame in enumerate(self._frames) if at not in skips)
