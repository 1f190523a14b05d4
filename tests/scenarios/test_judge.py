"""The judge finds what is wrong: each test breaks one thing in a run that is right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from server.domain.positions import Position
from server.domain.records import Row, rebuild
from tests.scenarios.judge import Evidence, RoomState, judge
from tests.scenarios.kept import keep, kept
from tests.scenarios.ledger import Connection, Ledger, Sent

EPOCH = 1_700_000_000_000
ROOM = "kitchen"


def _row(seq: int, user: str, *, epoch: int = EPOCH) -> Row:
    words = f"{user} says {seq}"
    return Row(ROOM, epoch, seq, "m", epoch + seq, user, user.title(), f"c{seq}", words, None)


def _right() -> Evidence:
    """Alice and Bob have said three things each, and both heard everything live."""
    rows = [_row(seq, "alice" if seq % 2 else "bob") for seq in range(1, 7)]
    events = [orjson.loads(rebuild(row)) for row in rows]
    ledgers = []
    for name in ("alice", "bob"):
        own = [row for row in rows if row.user_id == name]
        ledger = Ledger(name, name, ROOM)
        for row in own:
            assert row.cid
            assert row.text
            sent = Sent(row.cid, row.text, 0.0, [row.position])
            sent.acknowledged_at = sent.saved_at = 1.0
            ledger.sent[row.cid] = sent
        ok = {"room": ROOM, "mode": "live", "epoch": EPOCH, "seq": 0}
        saved = {"ev": "saved", "room": ROOM, "epoch": EPOCH}
        frames = [
            *({"ev": "hello"}, {"re": "subscribe", "ok": ok}),
            *events[:4],
            {**saved, "seq": 4},
            *events[4:],
            {**saved, "seq": 6},
        ]
        ledger.connections.append(Connection(0, None, copy.deepcopy(frames)))
        ledger.screen = copy.deepcopy(events)
        ledger.last = rows[-1].position
        ledgers.append(ledger)
    newest = rows[-1].position
    state = RoomState(newest, newest, [(row.position, rebuild(row)) for row in rows])
    return Evidence(ledgers, {ROOM: rows}, {ROOM: state})


def test_a_run_that_is_right_is_acquitted() -> None:
    assert judge(_right()) == []


def _frames(evidence: Evidence) -> list[dict[str, object]]:
    return evidence.ledgers[1].connections[0].frames


def _drop_frame(evidence: Evidence) -> None:
    del _frames(evidence)[3]


def _swap_frames(evidence: Evidence) -> None:
    frames = _frames(evidence)
    frames[3], frames[4] = frames[4], frames[3]


def _double_frame(evidence: Evidence) -> None:
    _frames(evidence).insert(4, _frames(evidence)[3])


def _repeat_later(evidence: Evidence) -> None:
    _frames(evidence).append(_frames(evidence)[3])


def _change_frame(evidence: Evidence) -> None:
    _frames(evidence)[3]["text"] = "something else"


def _lose_row(evidence: Evidence) -> None:
    del evidence.rows[ROOM][2]


def _lose_last_row(evidence: Evidence) -> None:
    del evidence.rows[ROOM][-1]


def _double_row(evidence: Evidence) -> None:
    row = evidence.rows[ROOM][2]
    evidence.rows[ROOM].append(row._replace(seq=7))


def _lower_watermark(evidence: Evidence) -> None:
    _frames(evidence)[-1]["seq"] = 3


def _do_not_show_last(evidence: Evidence) -> None:
    del evidence.ledgers[0].screen[-1]


def _show_twice(evidence: Evidence) -> None:
    evidence.ledgers[0].screen.insert(2, evidence.ledgers[0].screen[1])


def _store_other_words(evidence: Evidence) -> None:
    evidence.rows[ROOM][0] = evidence.rows[ROOM][0]._replace(text="something else")


def _never_acknowledge(evidence: Evidence) -> None:
    evidence.ledgers[0].sent["c9"] = Sent("c9", "lost words", 0.0)


def _acknowledge_only(evidence: Evidence) -> None:
    evidence.ledgers[0].sent["c9"] = Sent("c9", "lost words", 0.0, acknowledged_at=1.0)


def _reorder_own(evidence: Evidence) -> None:
    sent = evidence.ledgers[0].sent
    sent["c1"] = sent.pop("c1")


def _leave_in_drain(evidence: Evidence) -> None:
    evidence.drained = False


def _set_aside(evidence: Evidence) -> None:
    evidence.dead_letters = 1


def _differ_in_redis(evidence: Evidence) -> None:
    place, _ = evidence.rooms[ROOM].log[1]
    evidence.rooms[ROOM].log[1] = (place, b"{}")


def _say_saved_too_early(evidence: Evidence) -> None:
    _frames(evidence)[-1]["seq"] = 9


def _skip_a_position(evidence: Evidence) -> None:
    for row in evidence.rows[ROOM][4:]:
        evidence.rows[ROOM][row.seq - 1] = row._replace(seq=row.seq + 1)


def _go_on_after_the_end(evidence: Evidence) -> None:
    end = evidence.rows[ROOM][3]._replace(kind="d", cid=None, text=None)
    evidence.rows[ROOM][3] = end


def _answer_with_anothers_place(evidence: Evidence) -> None:
    evidence.ledgers[0].sent["c3"].positions.append(Position(EPOCH, 2))


def _leave_out_of_redis(evidence: Evidence) -> None:
    del evidence.rooms[ROOM].log[2]


def _fall_behind_in_redis(evidence: Evidence) -> None:
    evidence.rooms[ROOM].saved = Position(EPOCH, 5)


@pytest.mark.parametrize(
    ("breaks", "letter"),
    [
        (_drop_frame, "G"),
        (_swap_frames, "O"),
        (_double_frame, "D"),
        (_repeat_later, "O"),
        (_change_frame, "O"),
        (_lose_row, "L"),
        (_lose_last_row, "L"),
        (_double_row, "D"),
        (_lower_watermark, "O"),
        (_do_not_show_last, "G"),
        (_show_twice, "D"),
        (_store_other_words, "L"),
        (_never_acknowledge, "L"),
        (_acknowledge_only, "L"),
        (_reorder_own, "O"),
        (_leave_in_drain, "L"),
        (_set_aside, "L"),
        (_differ_in_redis, "O"),
        (_fall_behind_in_redis, "L"),
        (_say_saved_too_early, "L"),
        (_skip_a_position, "G"),
        (_go_on_after_the_end, "O"),
        (_answer_with_anothers_place, "O"),
        (_leave_out_of_redis, "G"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else value,
)
def test_the_judge_sees_what_is_wrong(breaks: Callable[[Evidence], None], letter: str) -> None:
    evidence = _right()
    breaks(evidence)
    assert letter in {problem[0] for problem in judge(evidence)}, judge(evidence)


def test_a_hole_between_two_connections_is_found_too() -> None:
    evidence = _right()
    frames = _frames(evidence)
    ok = {"room": ROOM, "mode": "resumed", "epoch": EPOCH, "seq": 6}
    later: list[dict[str, object]] = [{"re": "subscribe", "ok": ok}, *frames[5:]]
    connection = Connection(1, Position(EPOCH, 2), later)
    evidence.ledgers[1].connections[0].frames = frames[:4]
    evidence.ledgers[1].connections.append(connection)
    assert [problem[0] for problem in judge(evidence)] == ["G"]
    connection.asked = Position(EPOCH, 3)
    assert judge(evidence) == []


def test_a_message_may_move_only_where_redis_lost_something() -> None:
    evidence = _right()
    later = EPOCH + 5_000
    rows = evidence.rows[ROOM]
    moved = rows.pop(4)
    rows.append(moved._replace(epoch=later, seq=7, at=later))
    again = orjson.loads(rebuild(rows[-1]))
    for ledger in evidence.ledgers:
        ledger.connections[0].frames.append(again)
        ledger.screen.append(again)
        ledger.last = rows[-1].position
    del evidence.rooms[ROOM]
    assert judge(evidence)
    evidence.moved = True
    assert judge(evidence) == []
    rows[-1] = rows[-1]._replace(epoch=EPOCH)
    assert any(problem.startswith("O") for problem in judge(evidence))


def test_a_message_of_somebody_who_left_may_be_lost_unless_it_was_saved() -> None:
    evidence = _right()
    evidence.ledgers[0].alive = False
    evidence.ledgers[0].sent["c9"] = Sent("c9", "lost words", 0.0, acknowledged_at=1.0)
    assert judge(evidence) == []
    evidence.ledgers[0].sent["c9"].saved_at = 2.0
    assert [problem[0] for problem in judge(evidence)] == ["L"]


def test_a_refused_message_is_absent_or_stored_once() -> None:
    evidence = _right()
    evidence.ledgers[0].sent["c9"] = Sent("c9", "too late", 0.0, refused="room_gone")
    assert judge(evidence) == []


def test_who_was_put_out_shows_the_room_up_to_there() -> None:
    evidence = _right()
    bob = evidence.ledgers[1]
    bob.last = Position(EPOCH, 4)
    del bob.screen[4:]
    assert judge(evidence)
    bob.over = "not_a_member"
    assert judge(evidence) == []
    del bob.screen[2]
    assert [problem[0] for problem in judge(evidence)] == ["G"]


def test_a_run_that_is_kept_is_judged_the_same(tmp_path: Path) -> None:
    for breaks in (lambda _evidence: None, _lose_row, _differ_in_redis, _drop_frame):
        evidence = _right()
        breaks(evidence)
        folder = tmp_path / breaks.__name__
        keep(evidence, folder)
        assert kept(folder) == evidence
        assert judge(kept(folder)) == judge(evidence)


def _changed() -> Evidence:
    """Bob's message was edited, liked and deleted in the end; everybody heard it live."""
    evidence = _right()
    target = {"epoch": EPOCH, "seq": 2, "user": "bob", "cid": "c2"}
    changes = [
        _change(7, "e", "bob", "other words", {"target": target}),
        _change(8, "a", "alice", None, {"target": target, "emoji": "+", "on": True}),
        _change(9, "x", "bob", None, {"target": target}),
    ]
    heard = [orjson.loads(rebuild(row)) for row in changes]
    for ledger in evidence.ledgers:
        ledger.connections[0].frames += heard
        ledger.screen += heard
        ledger.last = changes[-1].position
    rows = evidence.rows[ROOM]
    rows += [changes[0]._replace(text=""), *changes[1:]]
    rows[1] = rows[1]._replace(text="")
    state = evidence.rooms[ROOM]
    state.log += [(row.position, rebuild(row)) for row in changes]
    state.newest = state.saved = changes[-1].position
    return evidence


def _change(seq: int, kind: str, user: str, text: str | None, data: dict[str, object]) -> Row:
    fields = orjson.dumps(data).decode()
    return Row(ROOM, EPOCH, seq, kind, EPOCH + seq, user, user.title(), f"c{seq}", text, fields)


def test_what_was_deleted_is_erased_from_postgresql_alone() -> None:
    assert judge(_changed()) == []


def test_a_text_that_outlives_its_deletion_is_found() -> None:
    for number in (1, 6):
        evidence = _changed()
        rows = evidence.rows[ROOM]
        rows[number] = rows[number]._replace(text="still here")
        assert any("still stored" in problem for problem in judge(evidence))


def test_a_text_that_was_erased_without_a_deletion_is_found() -> None:
    evidence = _changed()
    rows = evidence.rows[ROOM]
    rows[2] = rows[2]._replace(text="")
    assert {"L", "O"} <= {problem[0] for problem in judge(evidence)}


def test_a_change_that_says_something_else_is_found() -> None:
    evidence = _changed()
    evidence.ledgers[0].connections[0].frames[-2]["on"] = False
    assert any(problem.startswith("O") for problem in judge(evidence))
