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


def raw(text: bytes) -> TextFrame:
    """A frame without its head, easily told from others."""
    frame = TextFrame(text)
    frame.plain = text
    return frame


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


def test_who_comes_while_frames_wait_hears_only_what_is_queued_after_him() -> None:
    people = crowd(3)
    members: dict[Member, None] = dict.fromkeys(people)
    fanout = Fanout(members)
    fanout.queue(raw(b"a"))
    comer = FakeMember("comer")
    fanout.come(comer)
    members[comer] = None
    fanout.queue(raw(b"b"))
    fanout.write(2)
    del members[people[2]]
    fanout.come(people[2])
    members[people[2]] = None
    fanout.queue(raw(b"c"))
    fanout.flush()
    assert [person.writes for person in people] == [[b"ab", b"c"], [b"ab", b"c"], [b"c"]]
    assert comer.writes == [b"b", b"c"]


def test_who_is_about_to_go_gets_what_waits_at_once_and_the_others_in_their_turn() -> None:
    people = crowd(4)
    members: dict[Member, None] = dict.fromkeys(people)
    fanout = Fanout(members)
    fanout.queue(raw(b"a"))
    fanout.write(2)
    fanout.queue(raw(b"b"))
    fanout.queue(raw(b"c"), but=[people[3]])
    fanout.watermark = raw(b"saved")
    for leaver in (people[0], people[3]):
        fanout.finish(leaver)
        del members[leaver]
    assert [person.writes for person in people] == [[b"a", b"bc"], [b"a"], [], [b"ab"]]
    fanout.flush()
    assert [person.writes for person in people[1:3]] == [[b"a", b"bcsaved"]] * 2
    assert len(people[0].writes) == 2
    assert len(people[3].writes) == 1


STEPS = st.tuples(
    st.sampled_from(["queue", "but", "write", "come", "go", "finish"]), st.integers(0, 3)
)


@given(st.lists(STEPS, max_size=40))
def test_each_member_gets_what_is_for_him_in_order_however_he_comes_and_goes(
    steps: list[tuple[str, int]],
) -> None:
    people = crowd(4)
    people[1].deflate = people[2].deflate = 6  # short frames are the same, on another way
    members: dict[Member, None] = {}
    fanout = Fanout(members)
    # What each is due: a list for each of his stays, and whether he has to get all of it.
    due: list[list[tuple[list[bytes], bool]]] = [[] for _ in people]
    for number, (step, who) in enumerate(steps):
        person, here = people[who], people[who] in members
        if step in {"queue", "but"}:
            frame = b"<%d>" % number
            but = [person] if step == "but" else []
            fanout.queue(raw(frame), but)
            for each, stays in zip(people, due, strict=True):
                if each in members and each not in but:
                    stays[-1][0].append(frame)
        elif step == "write":
            fanout.write(who + 1)
        elif step == "come" and not here:
            fanout.come(person)
            members[person] = None
            due[who].append(([], True))
        elif step in {"go", "finish"} and here:
            if step == "finish":
                fanout.finish(person)
            del members[person]
            due[who][-1] = (due[who][-1][0], step == "finish")
    fanout.flush()
    for person, stays in zip(people, due, strict=True):
        got = [b"<" + each for each in b"".join(person.writes).split(b"<")[1:]]
        for frames, whole in stays:
            heard = len(frames) if whole else len([each for each in frames if each in got])
            assert got[:heard] == frames[:heard]
            got = got[heard:]
        assert got == []
        assert b"" not in person.writes


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


async def test_a_small_room_waits_for_no_more_than_a_slice_of_a_large_one() -> None:
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
    large = room_of("large", 3 * SLICE)
    small = room_of("small", 3)
    large.deliver(event(1))
    while large.fanout.waits:
        if now == 1:
            small.deliver(event(1))
        await asyncio.sleep(0)
        now += 1
    written = {name: [turn for who, turn in turns if who == name] for name in ("large", "small")}
    assert written["small"] == [1] * 3
    assert written["large"] == [turn for turn in range(3) for _ in range(SLICE)]


async def test_many_rooms_at_once_are_written_to_in_several_turns() -> None:
    lobby = Lobby.__new__(Lobby)
    lobby._unwritten = {}
    host = FakeHost()
    host.has_frames = lobby.has_frames  # type: ignore[method-assign]
    people = []
    for _ in range(WRITES_PER_TURN):
        room = make_room(host, Position(1, 0))
        people += crowd(2)
        for person in people[-2:]:
            room.add(person, Position(1, 0))
        room.deliver(event(1))
    await asyncio.sleep(0)
    assert sum(bool(person.writes) for person in people) == WRITES_PER_TURN
    await asyncio.sleep(0)
    assert all(person.writes for person in people)
