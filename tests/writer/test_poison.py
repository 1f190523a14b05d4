"""What PostgreSQL refuses is set aside; what passes by itself is waited for: by class of error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from prometheus_client import REGISTRY

from server.domain.rooms import Room
from server.local.postgres import Postgres
from server.storage.dead_letters import DeadLetters
from server.writer.backoff import Backoff
from server.writer.dead_letters import replay, show
from tests.helpers import wait_until
from tests.writer.conftest import Running, World
from tests.writer.test_drain import drained

PASSING = (
    *("08000", "08006", "25006", "40001", "40P01", "53000", "53100", "53200", "53300"),
    *("55P03", "57014", "57P01", "57P02", "57P03"),
)
"""Connections, conflicts, resources, interventions (PostgreSQL documentation, appendix A)."""

FINAL = ("21000", "22001", "22021", "22P02", "22P05", "23502", "23503", "23505", "23514")

STRANGE = ("42P01", "P0001", "XX000")
"""Neither: a missing table or a fault of the server says nothing about the record."""


@asynccontextmanager
async def raising(world: World, sqlstate: str, texts: str) -> AsyncIterator[None]:
    """Let PostgreSQL raise an error for messages that are LIKE ``texts``, inside the block."""
    async with world.pool.connection() as connection:
        await connection.execute(
            f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.text LIKE '{texts}' THEN
                    RAISE EXCEPTION 'refused on purpose' USING ERRCODE = '{sqlstate}';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse()
            """
        )
    yield
    async with world.pool.connection() as connection:
        await connection.execute("DROP FUNCTION refuse CASCADE")


def retries() -> float:
    return REGISTRY.get_sample_value("beseda_writer_retries_total") or 0.0


@pytest.mark.fault(18)
@pytest.mark.parametrize("sqlstate", PASSING + STRANGE)
async def test_an_error_that_passes_is_waited_for_and_costs_no_record(
    world: World, running: Running, sqlstate: str
) -> None:
    kitchen = await world.open_room()
    async with running():
        async with raising(world, sqlstate, "message 3"):
            before = retries()
            await world.say(kitchen, 10)
            await wait_until(lambda: retries() >= before + 2)
            assert await world.waiting() == 10
        await wait_until(lambda: drained(world))
    assert await world.texts(kitchen) == [f"message {number}" for number in range(10)]
    assert await world.messages.dead_letters(1) == []


@pytest.mark.fault(23)
@pytest.mark.parametrize("sqlstate", FINAL)
async def test_a_record_with_an_error_that_stays_is_set_aside_alone(
    world: World, running: Running, sqlstate: str
) -> None:
    kitchen = await world.open_room()
    async with running(), raising(world, sqlstate, "message 3"):
        posted = await world.say(kitchen, 10)
        await wait_until(lambda: drained(world))
    assert len(await world.texts(kitchen)) == 9
    [(_, _, payload, error)] = await world.messages.dead_letters(10)
    assert orjson.loads(payload)["text"] == "message 3"
    assert error.startswith(sqlstate)
    assert "message" not in error
    assert await world.watermark(kitchen) == posted[-1].position


@pytest.mark.fault(23)
async def test_a_hundred_bad_records_among_others_are_all_set_aside_and_replayed_in_the_end(
    world: World, running: Running
) -> None:
    kitchen = await world.open_room()
    lines: list[str] = []
    async with running(), raising(world, "22023", "%7"):
        await world.say(kitchen, 500)
        await world.add(kitchen, "m", b"no JSON")
        await world.add(kitchen, "r", await _mark(world, kitchen))
        await wait_until(lambda: drained(world), 20)
        assert len(await world.texts(kitchen)) == 450
        await show(world.pool, lines.append)
        assert len(lines) == 51
        assert await replay(world.pool, lambda _line: None) == 51
    assert "message" not in "".join(lines).replace('"ev":"message"', "")
    left: list[str] = []
    assert await replay(world.pool, left.append) == 1
    assert orjson.loads(left[0])["bytes"] == len(b"no JSON")
    assert await world.texts(kitchen) == [f"message {number}" for number in range(500)]
    assert await world.counted(kitchen) == 500
    assert len(await DeadLetters(world.pool).after(0, 100)) == 1


async def _mark(_world: World, room: Room) -> bytes:
    return orjson.dumps({"room": room.id, "user": "alice", "epoch": 1, "seq": 1, "messages": 1})


@pytest.mark.fault(23)
async def test_postgresql_going_away_between_bad_records_sets_no_good_one_aside(
    world: World, running: Running, postgres_server: Postgres
) -> None:
    kitchen = await world.open_room()
    letters = DeadLetters(world.pool)
    async with raising(world, "22023", "%7"):
        async with running():
            await world.say(kitchen, 300)

            async def one_is_set_aside() -> bool:
                return bool(await letters.after(0, 1))

            await wait_until(one_is_set_aside)
            await asyncio.to_thread(postgres_server.kill)
            postgres_server.start()
            await wait_until(lambda: drained(world), 20)
        set_aside = await letters.after(0, 100)
        assert len(set_aside) == 30
        assert all(orjson.loads(each.payload)["text"].endswith("7") for each in set_aside)
        assert len(await world.texts(kitchen)) == 270


async def test_pauses_grow_up_to_a_limit_and_are_never_the_same(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.writer.backoff.FIRST_S", 0.001)
    monkeypatch.setattr("server.writer.backoff.MOST_S", 0.02)
    backoff = Backoff(asyncio.Event())
    pauses = []
    for _ in range(20):
        pauses.append(backoff._pause_s)
        await backoff.pause("PostgreSQL")
    assert pauses[:4] == [0.001, 0.002, 0.004, 0.008]
    assert pauses[-1] == 0.02
    backoff.calm()
    assert backoff._pause_s == 0.001
    assert len({record.__dict__["pause_s"] for record in caplog.records}) > 1
