from __future__ import annotations

import orjson
import pytest

from server.chat.room import Room
from server.domain import events
from server.domain.positions import Position
from server.domain.rooms import User
from server.state.feed import Event
from server.state.history import Synced
from tests.chat.fakes import KITCHEN, FakeHost, FakeMember, entry, event, make_room

START_OF_TEST = Position(1, 10)


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def room(host: FakeHost) -> Room:
    return make_room(host, START_OF_TEST)


@pytest.fixture
def bob(room: Room) -> FakeMember:
    member = FakeMember("bob")
    room.add(member, START_OF_TEST)
    return member


def test_what_arrives_in_one_turn_leaves_in_one_write_of_the_same_bytes(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    carol = FakeMember("carol")
    room.add(carol, START_OF_TEST)
    for seq in (11, 12, 13):
        room.deliver(event(seq))
    assert bob.writes == []
    host.end_turn()
    assert bob.seqs == [11, 12, 13]
    assert len(bob.writes) == 1
    assert bob.writes[0] is carol.writes[0]


def test_an_event_that_comes_twice_is_written_once(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    for seq in (11, 11, 10, 12, 11):
        room.deliver(event(seq))
    host.end_turn()
    assert bob.seqs == [11, 12]
    assert host.broken == 0


def test_events_behind_a_hole_wait_for_what_the_log_has(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.deliver(event(11))
    room.deliver(event(13))
    host.end_turn()
    assert bob.seqs == [11]
    assert host.broken == 1
    covered = room.begin_mend()
    room.deliver(event(15))
    top = Position(1, 14)
    room.mend(Synced("resumed", top, top, [entry(12), entry(13), entry(14)]), covered)
    host.end_turn()
    assert bob.seqs == [11, 12, 13, 14, 15]
    assert room.broken is None


def test_an_event_of_a_new_epoch_is_not_believed_before_redis_was_asked(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.deliver(event(11, epoch=2))
    host.end_turn()
    assert bob.seqs == []
    assert host.broken == 1


def test_an_event_that_redis_forgot_is_not_delivered(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.deliver(event(11, epoch=2))
    room.mend(Synced("resumed", START_OF_TEST, START_OF_TEST, []), room.begin_mend())
    host.end_turn()
    assert bob.seqs == []
    assert room.broken is None


def test_more_held_events_than_allowed_are_read_from_the_log_instead(host: FakeHost) -> None:
    room = make_room(host, START_OF_TEST, pending=3)
    bob = FakeMember("bob")
    room.add(bob, START_OF_TEST)
    covered = -1
    for seq in range(12, 20):
        room.deliver(event(seq))
        if seq == 12:
            covered = room.begin_mend()
    top = Position(1, 12)
    room.mend(Synced("resumed", top, top, [entry(11), entry(12)]), covered)
    assert room.broken is not None
    top = Position(1, 19)
    missed = [entry(seq) for seq in range(13, 20)]
    room.mend(Synced("resumed", top, top, missed), room.begin_mend())
    host.end_turn()
    assert bob.seqs == list(range(11, 20))
    assert room.broken is None


def test_a_loss_noticed_during_a_repair_asks_the_log_once_more(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.mark_broken("missed")
    covered = room.begin_mend()
    room.mark_broken("missed")
    room.mend(Synced("resumed", START_OF_TEST, START_OF_TEST, []), covered)
    assert room.broken is not None
    room.mend(Synced("resumed", START_OF_TEST, START_OF_TEST, []), room.begin_mend())
    assert room.broken is None


def test_a_reset_tells_everybody_where_the_room_stands_now(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.deliver(event(5, epoch=2))
    top = Position(2, 5)
    room.mend(Synced("reset", top, top, [entry(4, epoch=2), entry(5, epoch=2)]), 1)
    room.deliver(event(6, epoch=2))
    host.end_turn()
    assert [each["ev"] for each in bob.got] == ["reset", "message", "saved"]
    assert bob.got[0]["epoch"] == 2
    assert bob.got[0]["seq"] == 5
    assert [each["seq"] for each in bob.got[0]["events"]] == [4, 5]
    assert bob.got[1]["seq"] == 6


def test_a_saved_mark_whose_news_was_lost_is_told_at_the_repair(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.deliver(event(11))
    for _ in range(2):
        room.mark_broken("missed")
        top = Position(1, 11)
        room.mend(Synced("resumed", top, top, []), room.begin_mend())
        room.flush()
        room.send_saved()
        room.flush()
    assert [(each["ev"], each["seq"]) for each in bob.got] == [("message", 11), ("saved", 11)]


def test_who_was_removed_meanwhile_gets_nothing_of_a_reset(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    mallory = FakeMember("mallory")
    room.add(mallory, START_OF_TEST)
    room.mark_broken("missed")
    top = Position(2, 5)
    room.mend(Synced("reset", top, top, [entry(5, epoch=2)]), room.begin_mend(), [mallory])
    room.deliver(event(6, epoch=2))
    host.end_turn()
    assert [each["ev"] for each in mallory.got] == ["left"]
    assert mallory.parted == [(KITCHEN, "not_a_member")]
    assert [each["ev"] for each in bob.got] == ["reset", "message", "saved"]


def test_a_removed_person_hears_of_it_and_nothing_later(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    mallory, phone = FakeMember("mallory"), FakeMember("mallory", "phone")
    for member in (mallory, phone):
        room.add(member, START_OF_TEST)
    room.deliver(event(11))
    room.deliver(event(12, kind="l", subject="mallory"))
    room.deliver(event(13))
    host.end_turn()
    assert mallory.seqs == phone.seqs == [11, 12]
    assert mallory.parted == [(KITCHEN, "not_a_member")]
    assert bob.seqs == [11, 12, 13]


def test_a_removal_that_is_only_in_the_log_counts_too(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    mallory = FakeMember("mallory")
    room.add(mallory, START_OF_TEST)
    room.deliver(event(13))
    top = Position(1, 13)
    missed = [entry(11), entry(12, kind="l", subject="mallory"), entry(13)]
    room.mend(Synced("resumed", top, top, missed), room.begin_mend())
    host.end_turn()
    assert mallory.seqs == [11, 12]
    assert bob.seqs == [11, 12, 13]


def test_a_removal_before_somebody_came_back_does_not_put_him_out(
    host: FakeHost, room: Room
) -> None:
    alice = FakeMember("alice")
    room.add(alice, Position(1, 12))
    room.deliver(event(11, kind="l", subject="alice"))
    room.deliver(event(12, kind="j", subject="alice"))
    room.deliver(event(13))
    host.end_turn()
    assert alice.seqs == [11, 12, 13]
    assert alice.parted == []


def test_the_end_of_a_room_is_its_last_event(host: FakeHost, room: Room, bob: FakeMember) -> None:
    room.deliver(event(11))
    room.deliver(event(12, kind="d", subject="alice"))
    host.end_turn()
    assert bob.seqs == [11, 12]
    assert bob.parted == [(KITCHEN, "room_gone")]
    assert host.closed == [KITCHEN]
    assert host.here == set()


def test_a_deletion_that_was_missed_is_told_without_a_position(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.vanish()
    assert bob.got == [{"ev": "room_deleted", "room": KITCHEN}]
    assert room.closed


def test_a_typing_notice_goes_to_the_others_even_while_the_room_is_broken(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    alice = FakeMember("alice")
    room.add(alice, START_OF_TEST)
    room.mark_broken("missed")
    typing = events.typing(KITCHEN, User("alice", "Alice"))
    room.deliver(Event(KITCHEN, Position(0, 0), "t", "alice", typing))
    host.end_turn()
    assert alice.got == []
    assert [each["ev"] for each in bob.got] == ["typing"]


def test_presence_is_passed_on_and_remembered(host: FakeHost, room: Room, bob: FakeMember) -> None:
    told = events.presence(KITCHEN, 3, [User("carol", "Carol")], [])
    room.deliver(Event(KITCHEN, Position(0, 0), "p", "-", told))
    host.end_turn()
    assert room.online == 3
    assert bob.got == [orjson.loads(told)]


def test_a_repair_tells_how_many_people_are_here_when_that_news_was_lost(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.begin_mend()
    room.recount(3)
    host.end_turn()
    assert bob.got[-1] == {"ev": "presence", "room": KITCHEN, "online": 3, "came": [], "went": []}
    # Neither when nothing changed, nor when somebody was heard to come meanwhile.
    before = len(bob.got)
    room.recount(3)
    room.begin_mend()
    told = events.presence(KITCHEN, 4, [], [])
    room.deliver(Event(KITCHEN, Position(0, 0), "p", "-", told))
    room.recount(3)
    host.end_turn()
    assert [each["online"] for each in bob.got[before:]] == [4]
    assert room.online == 4


def test_the_saved_watermark_goes_with_the_next_message_and_only_the_newest_counts(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.deliver(event(11))
    room.deliver(event(12))
    host.end_turn()
    bob.writes.clear()
    for seq in (11, 12):
        place = Position(1, seq)
        room.deliver(Event(KITCHEN, place, "s", "-", events.saved(KITCHEN, place)))
    host.end_turn()
    assert bob.writes == []
    room.deliver(event(13))
    host.end_turn()
    assert [(each["ev"], each["seq"]) for each in bob.got] == [("message", 13), ("saved", 12)]
    assert len(bob.writes) == 1
    assert host.unsaved == [room]
    room.send_saved()
    assert len(bob.writes) == 1


def test_the_watermark_waits_for_a_repair_and_is_not_told_to_who_is_put_out_by_it(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    carol = FakeMember("carol")
    room.add(carol, START_OF_TEST)
    room.deliver(event(12))
    assert room.broken == "hole"
    place = Position(1, 12)
    room.deliver(Event(KITCHEN, place, "s", "-", events.saved(KITCHEN, place)))
    room.send_saved()
    covered = room.begin_mend()
    gone = entry(11, kind="l", subject="bob")
    room.mend(Synced("resumed", place, place, [gone, entry(12)]), covered)
    room.flush()
    assert [each["seq"] for each in bob.got] == [11]
    assert [(each["ev"], each["seq"]) for each in carol.got][-1] == ("saved", 12)


def test_the_saved_watermark_goes_alone_when_nothing_is_said(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.deliver(event(11))
    host.end_turn()
    place = Position(1, 11)
    room.deliver(Event(KITCHEN, place, "s", "-", events.saved(KITCHEN, place)))
    assert host.unsaved == [room]
    room.send_saved()
    host.end_turn()
    assert [each["ev"] for each in bob.got] == ["message", "saved"]


def test_a_watermark_that_is_older_than_what_a_repair_told_is_not_told(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    room.mark_broken("missed")
    newest = Position(1, 11)
    room.mend(Synced("resumed", newest, newest, [entry(11)]), room.begin_mend())
    host.end_turn()
    assert [(each["ev"], each["seq"]) for each in bob.got] == [("message", 11), ("saved", 11)]
    for place in (START_OF_TEST, newest):
        room.deliver(Event(KITCHEN, place, "s", "-", events.saved(KITCHEN, place)))
        room.send_saved()
        host.end_turn()
    assert len(bob.got) == 2


def test_who_types_does_not_hear_of_it_and_the_others_do_with_what_else_there_is(
    host: FakeHost, room: Room, bob: FakeMember
) -> None:
    carol = FakeMember("carol")
    room.add(carol, START_OF_TEST)
    notice = events.typing(KITCHEN, bob.user)
    room.deliver(Event(KITCHEN, Position(0, 0), "t", "bob", notice))
    room.deliver(event(11))
    host.end_turn()
    assert [each["ev"] for each in carol.got] == ["typing", "message"]
    assert [each["ev"] for each in bob.got] == ["message"]
    assert len(carol.writes) == len(bob.writes) == 1


def test_who_comes_between_two_events_of_a_turn_hears_only_the_second(
    host: FakeHost, room: Room
) -> None:
    room.deliver(event(11))
    carol = FakeMember("carol")
    room.add(carol, Position(1, 11))
    room.deliver(event(12))
    host.end_turn()
    assert carol.seqs == [12]


async def test_a_person_types_at_most_once_in_an_interval(room: Room) -> None:
    assert room.may_type("alice", 60)
    assert not room.may_type("alice", 60)
    assert room.may_type("bob", 60)
