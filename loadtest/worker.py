"""A process that holds some of a crowd's sockets; it listens, and tells what was heard.

``crew`` starts it and talks with it in lines of JSON: one command on its input, one answer on
its output. It ends when its input does, so it cannot outlive who started it.

    {"do": "enter", "url": …, "rooms": […], "people": [[e-mail, token]…],
     "seats": [[person, room]…], "at_once": 64}   {"joined": [of each room…], "part": …}
    {"do": "round", "begin": ns, "end": ns}       {}
    {"do": "tell", "end": ns}                     a part: what was counted since the last one
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any, Final

import orjson
import uvloop

from loadtest import descriptors
from loadtest.crowd import Crowd, Seat
from loadtest.errors import CannotRunError
from loadtest.tally import Tally
from loadtest.target import Address, Person

LINE_BYTES: Final = 1 << 26
"""Longest line: the seats of 100 000 people and more."""


class Worker:
    """The sockets of this process."""

    def __init__(self) -> None:
        self._crowd: Crowd | None = None

    async def enter(self, asked: dict[str, Any]) -> dict[str, Any]:
        people = [Person(*each) for each in asked["people"]]
        seats = [Seat(people[person], room) for person, room in asked["seats"]]
        crowd = Crowd(Address.of(asked["url"]), asked["rooms"], seats, speakers=0)
        self._crowd = crowd
        await crowd.enter(seats, asked["at_once"], asyncio.Event())
        return {"joined": crowd.hearers, "part": crowd.tally.hand_over()}

    async def begin(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._crowd is not None
        gc.collect()
        gc.freeze()  # as in the process that talks: these sockets stay
        await self._crowd.begin(Tally(asked["begin"], asked["end"]))
        return {}

    async def tell(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._crowd is not None
        self._crowd.tally.end = asked["end"]
        return self._crowd.tally.hand_over()

    async def leave(self) -> None:
        if self._crowd is not None:
            await self._crowd.leave()


async def serve() -> None:
    """Do as told until the input ends."""
    descriptors.take_all()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    worker = Worker()
    does = {"enter": worker.enter, "round": worker.begin, "tell": worker.tell}
    try:
        while line := await reader.readline():
            asked = orjson.loads(line)
            try:
                answer = await does[asked["do"]](asked)
            except CannotRunError as problem:
                answer = {"problem": str(problem)}
            # Not awaited: the output is a pipe whose reader waits for exactly this line.
            sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
            sys.stdout.buffer.flush()
    finally:
        await worker.leave()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
