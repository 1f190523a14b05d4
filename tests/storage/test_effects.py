from __future__ import annotations

from server.domain.records import ReadMark, Row
from server.storage.effects import (
    Joining,
    RoomChange,
    highest_marks,
    membership_changes,
    room_changes,
)
from tests.storage.cast import ALICE, BOB, EPOCH, came, deleted, said, went


def test_every_row_moves_the_end_but_only_fresh_messages_count() -> None:
    rows = [said("b", 1), said("b", 2), came("b", 3), said("a", 9)]
    assert room_changes(rows, [rows[1], rows[2]]) == [
        RoomChange("a", EPOCH, 9, 0, None, None),
        RoomChange("b", EPOCH, 3, 1, EPOCH + 2, None),
    ]


def test_a_deletion_has_its_time() -> None:
    row = deleted("a", 4)
    assert room_changes([row], [row]) == [RoomChange("a", EPOCH, 4, 0, None, EPOCH + 4)]


def test_a_persons_last_event_decides() -> None:
    joined, changed, left = membership_changes(
        [went("a", 3), came("a", 1), came("b", 1), said("a", 2), went("a", 1, ALICE)]
    )
    assert joined == [Joining("b", "bob", "Боб", "member", EPOCH + 1, EPOCH, 1, 0)]
    assert (changed, left) == ([], [("a", "alice"), ("a", "bob")])


def role(room: str, seq: int, role: str) -> Row:
    return came(room, seq)._replace(kind="g", data=f'{{"role":"{role}","by":{{}}}}')


def banned(room: str, seq: int, reason: str = "banned") -> Row:
    return went(room, seq)._replace(data=f'{{"reason":"{reason}"}}')


def test_a_role_that_comes_with_its_join_is_the_joiners_first() -> None:
    joined, changed, left = membership_changes([role("a", 2, "muted"), came("a", 1)])
    assert [(each.user_id, each.role, each.seq) for each in joined] == [("bob", "muted", 1)]
    assert (changed, left) == ([], [])


def test_a_role_or_a_ban_by_itself_changes_a_membership() -> None:
    rows = [role("a", 1, "member"), role("a", 2, "moderator"), came("b", 1), banned("b", 2)]
    joined, changed, left = membership_changes(rows)
    assert (joined, left) == ([], [])
    assert [(each.room_id, each.role) for each in changed] == [("a", "moderator"), ("b", "banned")]


def test_a_ban_that_was_lifted_leaves_nothing() -> None:
    rows = [banned("a", 1), banned("a", 2, "unbanned"), banned("b", 1), came("b", 3)]
    joined, changed, left = membership_changes(rows)
    assert [each.room_id for each in joined] == ["b"]
    assert (changed, left) == ([], [("a", "bob")])


def test_messages_after_a_join_are_counted_in_its_room_only() -> None:
    rows = [said("a", 1), came("a", 2), said("a", 3), went("a", 4, ALICE), said("a", 5)]
    joined, _, _ = membership_changes([*rows, said("b", 9, user=BOB)])
    assert [joining.later for joining in joined] == [2]


def test_the_highest_read_mark_of_each_person_is_kept() -> None:
    marks = [
        ReadMark("a", "bob", 1, 5, 5),
        ReadMark("a", "bob", 2, 1, 6),
        ReadMark("a", "bob", 1, 9, 6),
        ReadMark("a", "alice", 1, 1, 1),
    ]
    assert highest_marks(marks) == [marks[3], marks[1]]
