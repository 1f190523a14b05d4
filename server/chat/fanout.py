"""Frames on their way to the members of a room: the same bytes for all, joined, in slices.

Those who agreed on compression get the same frames compressed, again the same bytes for all of
them; nothing is compressed in a room without such a member.

What arrived in one turn of the event loop leaves in one write per member. A large room takes
several turns, so that small ones do not wait for it; what arrives meanwhile is joined for the next
round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from server.chat.people import Member
from server.domain.frames import TextFrame
from server.runtime.instruments import DELIVERED_BYTES, DELIVERIES


class Fanout:
    """Writes to ``members`` in the order of what is queued.

    Attributes:
        watermark: the frame of a saved watermark that waits for others to go with.
    """

    __slots__ = ("_frames", "_joined", "_left", "_members", "_packed", "_round", "watermark")

    def __init__(self, members: Mapping[Member, Any]) -> None:
        self._members = members
        self._frames: list[TextFrame] = []
        self._round: list[TextFrame] = []
        self._joined = b""
        self._packed: bytes | None = None
        self._left: Iterator[Member] | None = None
        self.watermark: TextFrame | None = None

    def queue(self, frame: TextFrame) -> bool:
        """Add a frame; return whether it is the first that waits."""
        self._frames.append(frame)
        return len(self._frames) == 1

    def write(self, most: int) -> int:
        """Write to up to ``most`` members; return to how many.

        Fewer means that the round is over: everybody has what was queued when it began.
        """
        if self._left is None and not self._begin():
            return 0
        assert self._left is not None
        joined, members = self._joined, self._members
        turn = tuple(islice(self._left, most))
        plain = packed = 0
        for member in turn:
            # Somebody may have left since the round began.
            if member in members:
                if member.deflate:
                    packed += 1
                    member.write(self._packed or self._pack(member.deflate))
                else:
                    plain += 1
                    member.write(joined)
        if len(turn) < most:
            self._left = None
        DELIVERIES.inc(len(self._round) * (plain + packed))
        DELIVERED_BYTES.inc(len(joined) * plain + len(self._packed or b"") * packed)
        return plain + packed

    @property
    def waits(self) -> bool:
        """Whether something is still to be written."""
        return self._left is not None or bool(self._frames)

    def flush(self) -> None:
        """Write all that is queued to everybody, now."""
        while self.waits:
            self.write(len(self._members) + 1)

    def _begin(self) -> bool:
        frames = self._frames
        if not frames:
            return False
        self._frames = []
        if self.watermark is not None:
            frames.append(self.watermark)
            self.watermark = None
        self._round = frames
        self._joined = (
            frames[0].plain if len(frames) == 1 else b"".join([frame.plain for frame in frames])
        )
        self._packed = None
        self._left = iter(tuple(self._members))
        return True

    def _pack(self, level: int) -> bytes:
        self._packed = b"".join([frame.at(level) for frame in self._round])
        return self._packed
