"""Watermarks: with a message where there is one, by themselves before long where there is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from server.chat.room import Room
from server.chat.watermarks import Watermarks
from server.domain import events
from server.domain.events import Kind
from server.domain.positions import Position
from server.state.feed import Event
from tests.chat.fakes import KITCHEN, FakeHost, FakeMember, event, make_room


class Watch:
    """A clock that somebody winds by hand."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_later(self, _seconds: float, call: Callable[[], None]) -> None:
        self.due.append(call)

    def pass_by(self) -> None:
        """Let the time of one look pass."""
        due, self.due = self.due, []
        for call in due:
            call()


class Host(FakeHost):
    """A host that hands watermarks on, as the lobby does."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watermarks = Watermarks(watch.call_later)

    def has_saved(self, room: Room) -> None:
        self.watermarks.wait(room)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def host(watch: Watch) -> Host:
    return Host(watch)


@pytest.fixture
def room(host: Host) -> Room:
    return make_room(host, Position(1, 0))


@pytest.fixture
def bob(room: Room) -> FakeMember:
    bob = FakeMember("bob")
    room.add(bob, Position(1, 0))
    return bob


def say(room: Room, host: FakeHost, seq: int) -> None:
    room.deliver(event(seq))
    host.end_turn()


def save(room: Room, seq: int) -> None:
    place = Position(1, seq)
    room.deliver(Event(KITCHEN, place, Kind.SAVED, "-", events.saved(KITCHEN, place)))


def test_a_busy_room_writes_no_watermark_by_itself(
    room: Room, host: Host, bob: FakeMember, watch: Watch
) -> None:
    for seq in range(1, 21):
        say(room, host, seq)
        save(room, seq)
        if seq % 2:
            watch.pass_by()
    assert len(bob.writes) == 20
    assert [each["seq"] for each in bob.got if each["ev"] == "saved"] == list(range(1, 20))


def test_a_watermark_without_company_goes_at_the_second_look(
    room: Room, host: Host, bob: FakeMember, watch: Watch
) -> None:
    say(room, host, 1)
    save(room, 1)
    watch.pass_by()
    assert [each["ev"] for each in bob.got] == ["message"]
    watch.pass_by()
    host.end_turn()
    assert [each["ev"] for each in bob.got] == ["message", "saved"]
    assert watch.due == []


def test_of_several_watermarks_the_newest_goes(
    room: Room, host: Host, bob: FakeMember, watch: Watch
) -> None:
    for seq in (1, 2, 3):
        say(room, host, seq)
    for seq in (1, 2, 3):
        save(room, seq)
    watch.pass_by()
    watch.pass_by()
    host.end_turn()
    assert [each["seq"] for each in bob.got if each["ev"] == "saved"] == [3]
    assert watch.due == []


def test_who_is_put_out_hears_no_watermark_behind_it_and_the_others_do(
    room: Room, host: Host, bob: FakeMember, watch: Watch
) -> None:
    mallory = FakeMember("mallory")
    room.add(mallory, Position(1, 0))
    say(room, host, 1)
    save(room, 1)
    room.deliver(event(2, kind=Kind.LEFT, subject="mallory"))
    host.end_turn()
    watch.pass_by()
    watch.pass_by()
    host.end_turn()
    assert [each["ev"] for each in mallory.got] == ["message", "left"]
    assert [each["ev"] for each in bob.got] == ["message", "left", "saved"]
