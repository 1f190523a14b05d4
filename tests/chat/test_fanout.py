"""Fan-out in slices: everybody gets everything once, in order, whoever comes or goes meanwhile."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from server.chat.fanout import Fanout
from server.chat.lobby import SLICE, WRITES_PER_TURN, Lobby
from server.chat.people import Member
from server.chat.room import Room
from server.domain.frames import TextFrame, text_frame
from server.domain.positions import Position
from tests.chat.fakes import FakeHost, FakeMember, event, make_room


def crowd(count: int) -> list[FakeMember]:
    return [FakeMember(f"member{number}") for number in range(count)]


def test_a_round_goes_on_where_it_stopped_and_newer_frames_wait_for_the_next() -> None:
    people = crowd(5)
    members: dict[Member, None] = dict.fromkeys(people)
    fanout = Fanout(members)
    assert fanout.queue(TextFrame(b"a"))
    assert not fanout.queue(TextFrame(b"b"))
    a, b, c = text_frame(b"a"), text_frame(b"b"), text_frame(b"c")
    assert fanout.write(2) == 2
    assert fanout.queue(TextFrame(b"c"))
    assert [fanout.write(2), fanout.write(2)] == [2, 1]
    assert [person.writes for person in people] == [[a + b]] * 5
    assert fanout.waits
    assert fanout.write(9) == 5
    assert not fanout.waits
    assert [person.writes for person in people] == [[a + b, c]] * 5
    assert fanout.write(9) == 0


def test_who_leaves_amid_a_round_gets_nothing_more_and_nobody_is_left_out() -> None:
    people = crowd(6)
    members: dict[Member, None] = dict.fromkeys(people)
    fanout = Fanout(members)
    fanout.queue(TextFrame(b"a"))
    fanout.write(2)
    del members[people[0]], members[people[3]]
    fanout.write(2)
    fanout.write(2)
    fanout.flush()
    assert [len(person.writes) for person in people] == [1, 1, 1, 0, 1, 1]


@given(
    st.lists(
        st.sampled_from(["say", "write", "come", "go", "flush"]) | st.integers(1, 4), max_size=60
    )
)
def test_everybody_gets_what_was_said_while_he_was_there(steps: list[str | int]) -> None:
    host = FakeHost()
    room = make_room(host, Position(1, 0))
    there: dict[FakeMember, int] = {}
    gone: dict[FakeMember, tuple[int, int]] = {}
    said = 0
    for step in steps:
        if step == "say":
            said += 1
            room.deliver(event(said))
        elif step == "come":
            member = FakeMember(f"member{len(there) + len(gone)}")
            room.add(member, Position(1, said))
            there[member] = said
        elif step == "go" and there:
            member, since = next(iter(there.items()))
            room.remove(member)
            gone[member] = since, there.pop(member)
        elif step == "flush":
            room.flush()
        elif isinstance(step, int):
            room.fanout.write(step)
    room.flush()
    for member, since in there.items():
        assert member.seqs == list(range(since + 1, said + 1))
    for member, (since, _) in gone.items():
        heard = member.seqs
        assert heard == list(range(since + 1, since + 1 + len(heard)))


async def test_a_small_room_does_not_wait_for_a_large_one() -> None:
    lobby = Lobby.__new__(Lobby)
    lobby._unwritten = {}
    turns: list[tuple[str, int]] = []

    class Noting(FakeMember):
        def write(self, frames: bytes) -> None:
            turns.append((self.user.id, now))

    def room_of(name: str, count: int) -> Room:
        host = FakeHost()
        host.has_frames = lobby.has_frames  # type: ignore[method-assign]
        room = make_room(host, Position(1, 0))
        for number in range(count):
            room.add(Noting(name, f"{name}{number}"), Position(1, 0))
        return room

    now = 0
    large = room_of("large", 3 * WRITES_PER_TURN)
    small = room_of("small", 3)
    large.deliver(event(1))
    small.deliver(event(1))
    while large.fanout.waits:
        await asyncio.sleep(0)
        now += 1
    ends = {name: [turn for who, turn in turns if who == name] for name in ("large", "small")}
    assert len(ends["small"]) == 3
    assert [who for who, _ in turns[: SLICE + 3]].count("small") == 3
    assert set(ends["small"]) == {0}
    assert len(ends["large"]) == 3 * WRITES_PER_TURN
    assert max(ends["large"]) >= 2
