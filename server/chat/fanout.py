"""Frames on their way to the members of a room: the same bytes for all, joined, in slices.

What arrived in one turn of the event loop leaves in one write per member. A large room takes
several turns, so that small ones do not wait for it; what arrives meanwhile is joined for the next
round. Few members are due other bytes than all: who came while frames waited, who is about to go,
and who need not hear of himself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from server.chat.people import Member
from server.runtime.instruments import DELIVERED_BYTES, DELIVERIES


class Fanout:
    """Writes to ``members`` in the order of what is queued.

    Attributes:
        watermark: the frame of a saved watermark that waits for others to go with.
    """

    __slots__ = (
        "_at",
        "_count",
        "_frames",
        "_joined",
        "_members",
        "_others",
        "_reached",
        "_round",
        "_skips",
        "watermark",
    )

    def __init__(self, members: Mapping[Member, Any]) -> None:
        self._members = members
        self._frames: list[bytes] = []
        self._skips: dict[Member, set[int]] = {}
        self._round: Sequence[Member] = ()
        self._others: dict[Member, bytes] = {}
        self._joined = b""
        self._count = 0
        self._at = 0
        self._reached = 0
        self.watermark: bytes | None = None

    def queue(self, frame: bytes, but: Iterable[Member] = ()) -> bool:
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
        reached = 0
        for member in turn:
            # Somebody may have left since the round began.
            if member in members and (data := others.get(member, joined) if others else joined):
                member.write(data)
                reached += 1
        self._reached += reached
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
        left += self._without(self._skips.get(member, ()))
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
        self._others = {member: self._without(skips) for member, skips in self._skips.items()}
        self._joined = frames[0] if len(frames) == 1 else b"".join(frames)
        self._count = len(frames)
        self._frames, self._skips = [], {}
        self._round, self._at = tuple(self._members), 0
        return True

    def _end(self) -> None:
        self._round, self._others = (), {}
        # Once in a round: a counter costs a fifth of what a write does.
        DELIVERIES.inc(self._count * self._reached)
        DELIVERED_BYTES.inc(len(self._joined) * self._reached)
        self._reached = 0

    def _without(self, skips: Iterable[int]) -> bytes:
        return b"".join(frame for at, frame in enumerate(self._frames) if at not in skips)
