"""A crowd whose listeners are held by several processes; who talks stays in this one.

One core reads some 100 000 deliveries a second; more people than that need more processes. The
timetable is here, so one seed gives one run however many workers there are; what they heard is
added up each second: counts, and histograms step by step.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from loadtest import child
from loadtest.clock import NS
from loadtest.crowd import JOIN_S, Crowd, Seat
from loadtest.errors import CannotRunError
from loadtest.processes import Processes
from loadtest.tally import Tally
from loadtest.target import Address
from loadtest.words import Words
from loadtest.worker import LINE_BYTES

ANSWER_S: Final = 30.0
_END_S: Final = 10.0


class Crew(Crowd):
    """A crowd in ``workers`` processes besides this one; it enters once, and all together."""

    lead_ns = NS // 2

    def __init__(
        self,
        address: Address,
        rooms: Sequence[str],
        seats: Sequence[Seat],
        *,
        speakers: int,
        words: Words | None,
        workers: int,
        processes: Processes,
    ) -> None:
        super().__init__(address, rooms, seats, speakers=speakers, words=words)
        speaking = {id(seat) for seat in self.streams}
        listening = [seat for seat in seats if id(seat) not in speaking]
        self._shares = [listening[number::workers] for number in range(workers)]
        self._processes = processes
        self._workers: list[asyncio.subprocess.Process] = []

    async def enter(self, seats: Iterable[Seat], at_once: int, stop: asyncio.Event) -> int:
        """Connect everybody; ``seats`` are all there are, as in a crowd of one process.

        Raises:
            CannotRunError: a worker ended, or does not answer.
        """
        assert list(seats) == list(self.seats), "workers cannot be told of some only"
        for _ in self._shares:
            self._workers.append(
                await asyncio.create_subprocess_exec(
                    *child.command("worker"),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=LINE_BYTES,
                    env=child.environment(),
                    start_new_session=True,  # the terminal's Ctrl-C is for us
                )
            )
        self._processes.helpers = [worker.pid for worker in self._workers]
        await super().enter(self.streams, at_once, stop)
        most = max(map(len, self._shares))
        share = max(1, at_once // len(self._workers))
        commands = [self._entering(seats, share) for seats in self._shares]
        waiting = asyncio.ensure_future(self._ask_all(commands, ANSWER_S + JOIN_S * most / share))
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():  # they would not look up before everybody is in
                for worker in self._workers:
                    worker.kill()
                return self.joined
            for answer in waiting.result():
                for room, count in enumerate(answer["joined"]):
                    self.hearers[room] += count
                self.tally.take_over(answer["part"])
        except BaseException:
            await self.leave()
            raise
        finally:
            waiting.cancel()
            stopped.cancel()
        return self.joined

    async def begin(self, tally: Tally) -> None:
        await super().begin(tally)
        asked = {"do": "round", "begin": tally.begin, "end": tally.end}
        await self._ask_all([asked] * len(self._workers))

    async def collect(self) -> None:
        asked = {"do": "tell", "end": min(self.tally.end, (1 << 63) - 1)}
        for part in await self._ask_all([asked] * len(self._workers)):
            self.tally.take_over(part)

    async def leave(self) -> None:
        await super().leave()
        workers, self._workers, self._processes.helpers = self._workers, [], []
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()
        for worker in workers:
            try:
                async with asyncio.timeout(_END_S):
                    await worker.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    worker.kill()
                await worker.wait()

    def _entering(self, seats: Sequence[Seat], at_once: int) -> dict[str, Any]:
        people = list({id(seat.person): seat.person for seat in seats}.values())
        number = {id(person): number for number, person in enumerate(people)}
        return {
            "do": "enter",
            "url": self._address.url,
            "rooms": list(self._rooms),
            "people": [(person.email, person.token) for person in people],
            "seats": [(number[id(seat.person)], seat.room) for seat in seats],
            "at_once": at_once,
        }

    async def _ask_all(
        self, commands: Sequence[dict[str, Any]], deadline_s: float = ANSWER_S
    ) -> list[dict[str, Any]]:
        """Ask every worker, and wait until all have answered."""
        try:
            async with asyncio.timeout(deadline_s):
                pairs = zip(self._workers, commands, strict=True)
                return await asyncio.gather(*(_ask(worker, asked) for worker, asked in pairs))
        except TimeoutError:
            raise CannotRunError(
                f"a worker of the load test did not answer in {deadline_s:.0f} s"
            ) from None


async def _ask(worker: asyncio.subprocess.Process, asked: dict[str, Any]) -> dict[str, Any]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(orjson.dumps(asked) + b"\n")
        await worker.stdin.drain()
        line = await worker.stdout.readline()
    except ConnectionError:
        line = b""
    if not line:
        raise CannotRunError("a worker of the load test ended; what it said is above")
    answer: dict[str, Any] = orjson.loads(line)
    if "problem" in answer:
        raise CannotRunError(answer["problem"])
    return answer
