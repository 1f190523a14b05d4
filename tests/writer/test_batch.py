from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.domain import events
from server.domain.positions import Position
from server.domain.records import ReadMark, rebuild
from server.state.drain import Record
from server.writer.batch import (
    Entry,
    Saved,
    decode,
    halves,
    marks_of,
    rows_of,
    saved_by_partition,
)
from tests.storage.cast import ALICE, BOB, EPOCH, came, said


def entry(row_id: int, partition: int = 3, **fields: object) -> Entry:
    return Entry(partition, b"%d-0" % row_id, b"{}", 0)._replace(**fields)  # type: ignore[arg-type]


def test_an_event_becomes_a_row() -> None:
    row = said("kitchen", 1)
    assert decode(3, Record(b"1-0", "m", rebuild(row))) == Entry(3, b"1-0", rebuild(row), 0, row)


def test_a_read_mark_becomes_a_mark() -> None:
    payload = b'{"room":"kitchen","user":"bob","epoch":5,"seq":9,"messages":7}'
    mark = ReadMark("kitchen", "bob", 5, 9, 7)
    assert decode(3, Record(b"1-0", "r", payload)) == Entry(3, b"1-0", payload, 0, mark=mark)


@given(st.sampled_from("mjldrx"), st.binary())
def test_nonsense_gets_an_error_and_never_raises(kind: str, payload: bytes) -> None:
    decoded = decode(3, Record(b"1-0", kind, payload))
    assert decoded.error is not None
    assert decoded.row is None
    assert decoded.mark is None


def test_an_error_does_not_repeat_what_was_said() -> None:
    payload = events.assemble(
        events.message("kitchen", ALICE, "c1", "my secret"), Position(1, 2), 3
    ).replace(b'"seq":2', b'"seq":-2')
    assert "secret" not in str(decode(3, Record(b"1-0", "m", payload)).error)


def test_of_a_message_sent_twice_the_later_position_is_kept() -> None:
    early, late = said("kitchen", 1, cid="c"), said("kitchen", 9, cid="c")
    for order in ([early, late], [late, early]):
        assert rows_of(entry(i, row=row) for i, row in enumerate(order)) == [late]


def test_equal_rows_are_one_and_rows_that_only_share_a_cid_are_not() -> None:
    rows = [
        said("kitchen", 1, cid="c"),
        said("kitchen", 2, cid="c", user=BOB),
        said("garden", 1, cid="c"),
        came("kitchen", 3),
    ]
    assert rows_of(entry(i, row=row) for i, row in enumerate(rows * 2)) == rows


def test_marks_are_taken_out_in_order() -> None:
    marks = [ReadMark("kitchen", "bob", 1, seq, seq) for seq in (2, 1)]
    entries = [entry(1, mark=marks[0]), entry(2, row=said("kitchen", 1)), entry(3, mark=marks[1])]
    assert marks_of(entries) == marks


def test_halves_keep_everything_in_order() -> None:
    entries = [entry(i) for i in range(5)]
    left, right = halves(entries)
    assert [*left, *right] == entries
    assert left
    assert right


def test_a_saved_batch_says_how_far_each_room_of_each_partition_is_saved() -> None:
    entries = [
        entry(1, partition=1, row=said("kitchen", 4)),
        entry(2, partition=1, row=said("kitchen", 5)),
        entry(3, partition=1, row=came("attic", 1)),
        entry(9, partition=2, row=said("garden", 7)),
        entry(10, partition=2, mark=ReadMark("garden", "bob", 1, 1, 1)),
        entry(4, partition=1, error="nonsense"),
    ]
    assert saved_by_partition(entries) == {
        1: Saved(b"4-0", {"kitchen": Position(EPOCH, 5), "attic": Position(EPOCH, 1)}),
        2: Saved(b"10-0", {"garden": Position(EPOCH, 7)}),
    }
