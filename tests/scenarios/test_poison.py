"""One message among five hundred that PostgreSQL refuses: set aside, shown, mended, replayed."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import orjson
import pytest

from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.evidence import acquit, open_postgres, open_redis, rows_of, unsaved_records
from tests.scenarios.load import people
from tests.scenarios.service import ROOT
from tests.scenarios.system import System

MOVED_ON_S = 5.0

_REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.text = 'poison' THEN
            RAISE EXCEPTION 'no' USING ERRCODE = '22023';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse()
"""


@pytest.mark.fault(23)
async def test_a_refused_message_holds_up_nobody_and_can_be_replayed(
    system: System, figure: Figure
) -> None:
    everybody = await people(system, 4)
    kitchen = await everybody[0].create_room("Kitchen")
    clients = [await each.open(kitchen, number % 2) for number, each in enumerate(everybody)]
    async with open_postgres(system) as database, open_redis(system) as redis:
        await database.execute(_REFUSE)
        system.writers[0].stop()
        for client in clients:
            for number in range(125):
                client.say(f"{client.ledger.who}: {number}")
                if (number, client) == (60, clients[0]):
                    client.say("poison")
        for client in clients:
            for cid in client.ledger.sent:
                await client.is_acknowledged(cid)
        system.writers[0].cont()
        began = time.monotonic()

        async def drained() -> bool:
            return await unsaved_records(redis, system) == 0

        await wait_until(drained, 20, "the queue has moved on")
        took = time.monotonic() - began
        figure("501 messages with a bad one were saved", took, "s")
        assert took < MOVED_ON_S
        for client in clients:
            await client.is_settled()
        stored = [row.text for row in await rows_of(system, kitchen) if row.kind == "m"]
        assert len(stored) == 500
        assert "poison" not in stored
        [shown], code = await _dead_letters(system)
        assert (shown["ev"], shown["room"], code) == ("message", kitchen, 0)
        assert shown["error"].startswith("22023")
        assert "text" not in shown
        refused, code = await _dead_letters(system, "--replay")
        assert (len(refused), code) == (1, 1)
        await database.execute("DROP FUNCTION refuse CASCADE")
        left, code = await _dead_letters(system, "--replay")
        assert (left, code) == ([], 0)
    await acquit(system)


async def _dead_letters(system: System, *options: str) -> tuple[list[dict[str, Any]], int]:
    """Run the operator's command; returns its lines and its exit code."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", "dead-letters", *options),
        env={"PYTHONPATH": str(ROOT), "DATABASE_URL": system.database_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    lines = [orjson.loads(line) for line in out.splitlines() if line.startswith(b"{")]
    assert process.returncode is not None
    return [line for line in lines if "record" in line], process.returncode
