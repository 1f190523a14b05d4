"""Whatever is lost, repeated, late or forgotten: no member sees a hole or a repeat.

A model of Redis (a log that may forget its end), a feed that drops what it likes, repairs
and joins whose answers take their time, in random order. Every event says what came before
it, and every member checks that against what he has.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from server.chat.joining import Joining, PlaceLost
from server.chat.people import Comer, Member
from server.chat.ring import Ring
from server.chat.room import Room
from server.domain.errors import Refusal
from server.domain.positions import START, Position
from server.domain.rooms import Role
from server.state.feed import Event
from server.state.history import Entry, Synced
from server.state.rooms import Entered
from tests.chat.fakes import KITCHEN, FakeHost, FakeMember, payloads

RESUME_EVENTS = 6
RESET_EVENTS = 2
PEOPLE = ("alice", "bob", "carol")


@dataclass
class Log:
    """What Redis has, and what it may answer."""

    epoch: int = 1
    entries: list[Entry] = field(default_factory=list)
    members: set[str] = field(default_factory=set)

    @property
    def top(self) -> Position:
        return self.entries[-1].position if self.entries else START

    def append(self, kind: str, subject: str) -> Event:
        position = Position(self.epoch, self.top.seq + 1)
        fields = {
            "ev": kind,
            "prev": list(self.top),
            "epoch": position.epoch,
            "seq": position.seq,
            "user": {"id": subject},
        }
        payload = orjson.dumps(fields)
        self.entries.append(Entry(position, kind, payload))
        return Event(KITCHEN, position, kind, subject, payload)

    def forget(self, count: int) -> None:
        """Lose the newest events, as a restart may; what comes then is of a new epoch."""
        del self.entries[len(self.entries) - min(count, len(self.entries)) :]
        self.epoch += 1

    def sync(self, position: Position | None) -> Synced:
        places = [START, *(entry.position for entry in self.entries)]
        if position is None:
            return Synced("resumed", self.top, START, [])
        if position in places:
            missed = self.entries[places.index(position) :]
            if len(missed) <= RESUME_EVENTS:
                return Synced("resumed", self.top, START, list(missed))
        return Synced("reset", self.top, START, self.entries[-RESET_EVENTS:])


class SlowArchive:
    """Answers truthfully as of the moment of the question, but only when it is let."""

    def __init__(self, log: Log, fed: list[Event]) -> None:
        self.log = log
        self.fed = fed
        self.gates: list[asyncio.Future[None]] = []

    async def enter(self, room: str, user: Any) -> Entered:
        joined = user.id not in self.log.members
        if joined:
            self.log.members.add(user.id)
            self.fed.append(self.log.append("j", user.id))
        answer = Entered(Role.MEMBER, self.log.top, START, START, 0, joined)
        await self.gate()
        return answer

    async def resume(self, room: str, position: Position | None) -> Synced:
        answer = self.log.sync(position)
        await self.gate()
        return answer

    async def gate(self) -> None:
        gate = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        await gate


class Witness(FakeMember):
    """A member that follows the client's rule and never forgives."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(name, f"{name}-{number}")
        self.at: Position | None = None
        self.since = START
        self.out = False

    def write(self, frames: bytes) -> None:
        super().write(frames)
        for payload in payloads(frames):
            self._take(payload)

    def _take(self, payload: dict[str, Any]) -> None:
        assert not self.out, f"{self.id} was put out and still hears {payload}"
        if payload["ev"] == "left" and "seq" not in payload:
            self.out = True
            return
        position = Position(payload["epoch"], payload["seq"])
        if payload["ev"] != "reset":
            prev = Position(*payload["prev"])
            assert prev == self.at, f"{self.id} stands at {self.at} and got {payload}"
            if payload["ev"] == "l" and payload["user"]["id"] == self.user.id:
                self.out = position > self.since
        self.at = position


class RoomOrder(RuleBasedStateMachine):
    @initialize(ring=st.integers(0, 4), pending=st.integers(2, 8))
    def begin(self, ring: int, pending: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.log = Log()
        self.fed: list[Event] = []
        self.archive = SlowArchive(self.log, self.fed)
        self.host = FakeHost()
        self.room = Room(KITCHEN, Ring(ring, pending), pending, self.host)
        self.room.mend(self.log.sync(None), self.room.begin_mend())
        self.repair: tuple[int, Synced, list[Member | Comer]] | None = None
        self.witnesses: list[Witness] = []
        self.joins: list[asyncio.Task[None]] = []
        self.places = [START]

    # --- Redis ----------------------------------------------------------------------

    @rule(count=st.integers(1, 4), who=st.sampled_from(PEOPLE))
    def say(self, count: int, who: str) -> None:
        for _ in range(count):
            self._publish("m", who)

    @precondition(lambda self: self.log.members)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(sorted(self.log.members)))
        self.log.members.discard(who)
        self._publish("l", who)

    @rule(count=st.integers(0, 3))
    def forget(self, count: int) -> None:
        self.log.forget(count)

    def _publish(self, kind: str, who: str) -> None:
        event = self.log.append(kind, who)
        self.fed.append(event)
        self.places.append(event.position)

    # --- The feed -------------------------------------------------------------------

    @rule(count=st.integers(1, 5))
    def hear(self, count: int) -> None:
        for event in self.fed[:count]:
            self.room.deliver(event)
        del self.fed[:count]

    @precondition(lambda self: self.fed)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.room.deliver(data.draw(st.sampled_from(self.fed)))

    @rule(count=st.integers(1, 3))
    def lose(self, count: int) -> None:
        del self.fed[:count]

    @rule()
    def notice_a_loss(self) -> None:
        self.room.mark_broken("missed")

    @rule()
    def end_turn(self) -> None:
        self.host.end_turn()

    # --- Repairs --------------------------------------------------------------------

    @precondition(lambda self: self.room.broken is not None and self.repair is None)
    @rule()
    def ask_the_log(self) -> None:
        covered = self.room.begin_mend()
        synced = self.log.sync(self.room.position)
        present: list[Member | Comer] = [*self.room.members, *self.room.comers]
        outsiders = [each for each in present if each.user.id not in self.log.members]
        if synced.mode != "reset":
            outsiders = []
        self.repair = covered, synced, outsiders

    @precondition(lambda self: self.repair is not None)
    @rule()
    def get_its_answer(self) -> None:
        assert self.repair is not None
        covered, synced, outsiders = self.repair
        self.repair = None
        self.room.mend(synced, covered, outsiders)
        self._run()

    # --- People ---------------------------------------------------------------------

    @rule(who=st.sampled_from(PEOPLE), data=st.data())
    def come(self, who: str, data: st.DataObject) -> None:
        position = data.draw(st.none() | st.sampled_from(self.places))
        witness = Witness(who, len(self.witnesses))
        self.witnesses.append(witness)
        self.joins.append(self.loop.create_task(self._join(witness, position)))
        self._run()

    @precondition(lambda self: self.archive.gates)
    @rule(data=st.data())
    def let_an_answer_through(self, data: st.DataObject) -> None:
        gate = data.draw(st.sampled_from(self.archive.gates))
        self.archive.gates.remove(gate)
        gate.set_result(None)
        self._run()

    @precondition(lambda self: self.room.members)
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        members = sorted(self.room.members, key=lambda member: member.id)
        self.room.remove(data.draw(st.sampled_from(members)))

    async def _join(self, witness: Witness, position: Position | None) -> None:
        with Joining(self.room, witness.user, position, lambda _: None) as joining:
            try:
                await joining.prepare(self.archive, 3600)  # type: ignore[arg-type]
            except Refusal:
                return
            answer = joining.answer()
            witness.since = joining.since
            witness.at = position
            if joining.mode == "live":
                witness.at = Position(answer["epoch"], answer["seq"])
            try:
                for piece in joining.pieces(1):
                    witness.write(piece)
                    await self.archive.gate()
            except PlaceLost:
                return
            joining.finish(witness)

    def _run(self) -> None:
        self.loop.run_until_complete(_turns())

    # --- In the end -----------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self._settle()
            for member in self.room.members:
                assert isinstance(member, Witness)
                assert member.at == self.log.top, f"{member.id} stays behind"
        finally:
            self.loop.run_until_complete(_end(self.joins))
            self.loop.close()
        for task in self.joins:
            if not task.cancelled() and task.exception() is not None:
                raise task.exception()  # type: ignore[misc]

    def _settle(self) -> None:
        """Let everything arrive, and notice what did not."""
        for _ in range(200):
            busy = bool(self.archive.gates or self.fed or self.repair or self.room.broken)
            if self.repair is not None:
                self.get_its_answer()
            if self.room.broken is not None:
                self.ask_the_log()
                self.get_its_answer()
            while self.archive.gates:
                self.archive.gates.pop().set_result(None)
                self._run()
            self.hear(len(self.fed))
            if not busy:
                break
        self.room.mark_broken("missed")
        while self.room.broken is not None:
            self.ask_the_log()
            self.get_its_answer()
        self.host.end_turn()


async def _turns() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


TestRoomOrder = RoomOrder.TestCase
TestRoomOrder.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
