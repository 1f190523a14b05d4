"""Coming back: everything that was missed, in order, or a reset; never a part."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.storage.pool import Pool
from server.writer.drain import Writer
from tests.chat.town import Person, Replica, Talker, Town
from tests.helpers import wait_until


def _at(said: dict[str, Any]) -> tuple[int, int]:
    return said["epoch"], said["seq"]


async def _say(talker: Talker, room: str, count: int, text: str = "word") -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = await asyncio.gather(
        *(
            talker.say(room, f"{text} {n}", cid=f"{text}-{n}".replace(" ", "-"))
            for n in range(count)
        )
    )
    return said


def _count_questions(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    archive = replica.chat.lobby._archive
    asked: list[str] = []
    resume = archive.resume

    async def counting(room: str, position: Any) -> Any:
        asked.append(room)
        return await resume(room, position)

    monkeypatch.setattr(archive, "resume", counting)
    return asked


async def test_a_short_absence_is_made_up_from_memory(
    replica: Replica, alice: Person, bob: Person, kitchen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    his, answer = await replica.enter(bob, kitchen)
    here = await his.event("joined")
    await his.ws.close()
    await _say(hers, kitchen, 5)
    await hers.until(lambda: len(hers.texts(kitchen)) == 5)
    asked = _count_questions(replica, monkeypatch)
    his, answer = await replica.enter(bob, kitchen, _at(here))
    assert answer["mode"] == "resumed"
    await his.until(lambda: len(his.texts(kitchen)) == 5)
    assert his.seqs(kitchen) == [here["seq"] + n for n in range(1, 6)]
    assert answer["seq"] == here["seq"] + 5
    assert asked == []


async def test_without_memory_it_is_made_up_from_the_log(
    town: Town, alice: Person, bob: Person, kitchen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await town.replica(ring_events=0)
    hers, _ = await replica.enter(alice, kitchen)
    said = await _say(hers, kitchen, 40)
    await hers.until(lambda: len(hers.texts(kitchen)) == 40)
    asked = _count_questions(replica, monkeypatch)
    his, answer = await replica.enter(bob, kitchen, _at(said[9]))
    assert answer["mode"] == "resumed"
    await his.until(lambda: len(his.texts(kitchen)) == 30)
    assert his.texts(kitchen) == [f"word {n}" for n in range(10, 40)]
    assert asked == [kitchen]


async def test_what_the_log_has_forgotten_comes_from_postgresql(
    town: Town, alice: Person, bob: Person, kitchen: str
) -> None:
    replica = await town.replica(ring_events=0, log_events=10)
    stop = asyncio.Event()
    writer = asyncio.create_task(_write(town, town.pool, stop))
    hers, _ = await replica.enter(alice, kitchen)
    for part in range(8):
        said = await _say(hers, kitchen, 50, f"part {part}")
        await _saved(hers, _at(said[-1]))
    stop.set()
    await writer
    his, answer = await replica.enter(bob, kitchen, (0, 0))
    assert answer["mode"] == "resumed"
    await his.until(lambda: len(his.texts(kitchen)) == 400)
    # Joining was his own newest event; the owner's needs none.
    assert his.seqs(kitchen) == list(range(1, 402))


async def _saved(talker: Talker, place: tuple[int, int]) -> None:
    await talker.until(lambda: any(e["ev"] == "saved" and _at(e) >= place for e in talker.events))


async def _write(town: Town, pool: Pool, stop: asyncio.Event) -> None:
    await Writer(town.client, pool, town.settings).run(stop)


async def test_a_position_of_another_history_is_reset(
    replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    said = await _say(hers, kitchen, 3)
    his, answer = await replica.enter(alice, kitchen, (12345, 2))
    assert answer["mode"] == "reset"
    reset = await his.event("reset")
    assert _at(reset) == _at(said[-1]) == _at(answer)
    assert [event["text"] for event in reset["events"]] == ["word 0", "word 1", "word 2"]
    await _say(hers, kitchen, 1, "later")
    await his.event("message", text="later 0")
    assert his.seqs(kitchen) == [said[-1]["seq"] + 1]


async def test_a_position_ahead_of_the_room_is_reset(
    replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    (said,) = await _say(hers, kitchen, 1)
    _, answer = await replica.enter(alice, kitchen, (said["epoch"], said["seq"] + 10))
    assert answer["mode"] == "reset"


async def test_too_long_an_absence_is_reset_with_the_tail(
    town: Town, alice: Person, kitchen: str
) -> None:
    replica = await town.replica(ring_events=0, resume_events=20, reset_events=5)
    hers, _ = await replica.enter(alice, kitchen)
    said = await _say(hers, kitchen, 30)
    his, answer = await replica.enter(alice, kitchen, _at(said[8]))
    assert answer["mode"] == "reset"
    reset = await his.event("reset")
    assert [event["text"] for event in reset["events"]] == [f"word {n}" for n in range(25, 30)]
    _, answer = await replica.enter(alice, kitchen, _at(said[9]))
    assert answer["mode"] == "resumed"


async def test_coming_back_again_and_again_while_others_talk_leaves_no_hole(
    town: Town, alice: Person, bob: Person, kitchen: str
) -> None:
    replicas = [await town.replica(ring_events=ring) for ring in (0, 8)]
    hers, _ = await replicas[0].enter(alice, kitchen)
    his, answer = await replicas[0].enter(bob, kitchen)
    place = _at(answer)
    enough = asyncio.Event()
    talking = asyncio.create_task(_chatter(hers, kitchen, enough))
    seqs: list[int] = []
    for turn in range(15):
        await asyncio.sleep(0.02)
        await his.ws.close()
        await his.closed()
        assert not [e for e in his.events if e["ev"] == "reset"]
        seqs += his.seqs(kitchen)
        last = [e for e in his.events if "at" in e]
        place = _at(last[-1]) if last else place
        his, answer = await replicas[turn % 2].enter(bob, kitchen, place)
        assert answer["mode"] == "resumed"
    enough.set()
    total = await talking
    # Talk never ended before he was there for good, so the last word came to this socket.
    await his.until(lambda: his.texts(kitchen) and his.texts(kitchen)[-1] == "last")
    seqs += his.seqs(kitchen)
    assert len(seqs) >= total
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def _chatter(talker: Talker, room: str, enough: asyncio.Event) -> int:
    rounds = 0
    while not enough.is_set():
        await _say(talker, room, 5, f"chatter {rounds}")
        await asyncio.sleep(0.005)
        rounds += 1
    await talker.say(room, "last")
    return 5 * rounds + 1


async def test_subscribing_again_with_a_position_gives_what_followed_it(
    replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    said = await _say(hers, kitchen, 4)
    await hers.until(lambda: len(hers.texts(kitchen)) == 4)
    answer = await hers.ask("subscribe", room=kitchen, epoch=said[1]["epoch"], seq=said[1]["seq"])
    assert answer["mode"] == "resumed"
    await hers.say(kitchen, "next")
    await hers.event("message", text="next")
    expected = ["word 0", "word 1", "word 2", "word 3", "word 2", "word 3", "next"]
    assert hers.texts(kitchen) == expected


async def test_a_resume_larger_than_the_outbox_is_no_reason_to_be_closed(
    town: Town, alice: Person, kitchen: str
) -> None:
    replica = await town.replica(outbox_bytes=16_384, ring_events=0)
    hers, _ = await replica.enter(alice, kitchen)
    long = "x" * 4000
    said = [await hers.say(kitchen, f"{n} {long[10:]}") for n in range(300)]
    his, answer = await replica.enter(alice, kitchen, _at(said[0]))
    assert answer["mode"] == "resumed"
    await his.until(lambda: len(his.texts(kitchen)) == 299)
    page = await his.ask("history", room=kitchen, before={"epoch": said[-1]["epoch"], "seq": 10**6})
    assert len(page["events"]) == 100
    await his.say(kitchen, "still here")
    await his.event("message", text="still here")


async def test_a_replica_that_is_behind_catches_up_before_it_answers(
    town: Town, replica: Replica, alice: Person, kitchen: str
) -> None:
    deaf = await town.replica()
    hers, _ = await replica.enter(alice, kitchen)
    there, _ = await deaf.enter(alice, kitchen)
    deaf.chat.feed._on_events = lambda _partition, _events: None
    deaf.chat.feed._on_missed = lambda _partition: None
    said = await _say(hers, kitchen, 5)
    moved, answer = await deaf.enter(alice, kitchen, _at(said[2]))
    assert answer["mode"] == "resumed"
    for talker, expected in ((moved, said[3:]), (there, said)):
        await talker.event("message", seq=expected[-1]["seq"])
        assert talker.seqs(kitchen) == [each["seq"] for each in expected]
    room = next(iter(deaf.chat.lobby))
    await wait_until(lambda: room.broken is None)
