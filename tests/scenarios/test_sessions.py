"""Log-ins that end while somebody talks: his sockets end with them, everywhere and soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import jwt
import pytest

from server.auth.identity import hash_secret
from server.state.client import open_redis
from server.state.sessions import SessionCache
from tests.conftest import MakeSettings
from tests.figures import Figure
from tests.scenarios.evidence import acquit, open_postgres
from tests.scenarios.load import people, talking
from tests.scenarios.person import PASSWORD, Person
from tests.scenarios.raw import NotUpgraded, RawSocket, open_raw, raw_socket
from tests.scenarios.system import System

SOON_S = 2.0
SLACK_S = 3.0
"""For a machine that is busy with other tests."""
EXPIRED, BAD_TOKEN = 4002, 4501


def _short(person: Person, seconds: float) -> str:
    """Return the person's token with a life of so many seconds."""
    claims = jwt.decode(person.token, options={"verify_signature": False})
    expires = int(time.time() + seconds)
    return jwt.encode(claims | {"exp": expires}, person.system.secret, algorithm="HS256")


async def _status(person: Person, replica: int = 0) -> int:
    return (await person.get("/api/v1/me", replica=replica)).status


@pytest.mark.fault(38)
async def test_a_socket_ends_with_its_token(system: System, figure: Figure) -> None:
    alice, bob = await people(system, 2)
    room = await alice.create_room("Kitchen")
    hers = await alice.open(room)
    async with talking([hers], pace_s=0.02) as talk:
        bob.token = _short(bob, 4)
        expires = int(time.time()) + 4
        async with raw_socket(bob, room, replica=1) as raw:
            assert await raw.say("while I may")
            assert await raw.closed(30) == EXPIRED
            late = time.time() - expires
        await talk.goes_on(20)
        assert await _status(bob) == 401
    assert -1.5 < late < SLACK_S
    figure("from the end of the token to the end of the socket", max(0.0, late), "s")
    await acquit(system)
    assert system.errors() == []


@pytest.mark.fault(38)
async def test_a_refreshed_token_keeps_the_socket_without_a_break(system: System) -> None:
    alice, bob = await people(system, 2)
    room = await alice.create_room("Kitchen")
    hers = await alice.open(room)
    fresh = bob.token
    bob.token = _short(bob, 4)
    seqs: list[int] = []
    async with raw_socket(bob, room, replica=1) as raw, talking([hers], pace_s=0.02):
        end = time.monotonic() + 7
        refreshed = False
        while time.monotonic() < end:
            fields = await raw.json()
            if fields.get("ev") == "message":
                seqs.append(fields["seq"])
            if len(seqs) == 20:
                raw.ask("refresh", "r", token=fresh)
            if fields.get("re") == "r":
                assert fields["ok"]["expires_s"] > 60
                refreshed = True
    assert refreshed
    assert seqs == list(range(seqs[0], seqs[-1] + 1))
    await acquit(system)


Ending = Callable[[System, Person, MakeSettings], Awaitable[None]]


async def _logs_out(_system: System, bob: Person, _settings: MakeSettings) -> None:
    answer = await bob.post("/logout/")
    assert answer.status == 303, answer.text


async def _is_ended_from_elsewhere(system: System, bob: Person, _settings: MakeSettings) -> None:
    phone = await _another_session(system, bob)
    found = (await phone.get("/api/v1/sessions")).json["sessions"]
    other = next(each["id"] for each in found if not each["current"])
    answer = await phone.request("DELETE", f"/api/v1/sessions/{other}", replica=1)
    assert answer.status in {200, 204}, answer.text


async def _changes_his_password_elsewhere(
    system: System, bob: Person, _settings: MakeSettings
) -> None:
    phone = await _another_session(system, bob)
    form = {"current": PASSWORD, "new": "another horse, another staple"}
    async with raw_socket(phone, replica=1) as there:
        answer = await phone.post("/profile/password", replica=1, data=form)
        assert answer.status == 303, answer.text
        await _end_of(bob)
        assert await there.ping() > 0


async def _is_disabled(system: System, bob: Person, make_settings: MakeSettings) -> None:
    """As an operator's tool does it: PostgreSQL, the cache, and the news of it."""
    async with open_postgres(system) as connection:
        await connection.execute(
            "UPDATE users SET disabled_at = $1 WHERE id = $2", int(time.time() * 1000), bob.id
        )
    async with open_redis(make_settings(partitions=system.partitions)) as client:
        cache = SessionCache(client)
        await cache.forget([hash_secret(bob.cookie)])
        await cache.announce_user(bob.id)


async def _another_session(system: System, bob: Person) -> Person:
    phone = Person(system, "bob", bob.email)
    phone.id = bob.id
    await phone.log_in(1)
    return phone


async def _end_of(bob: Person) -> None:
    async with asyncio.timeout(SOON_S + SLACK_S):
        while await _status(bob) != 401:
            await asyncio.sleep(0.02)


@pytest.mark.fault(38)
@pytest.mark.parametrize(
    "ends",
    [_logs_out, _is_ended_from_elsewhere, _changes_his_password_elsewhere, _is_disabled],
    ids=["log-out", "ended from elsewhere", "password", "disabled"],
)
async def test_all_sockets_of_an_ended_log_in_are_closed_at_once(
    system: System, ends: Ending, make_settings: MakeSettings, figure: Figure
) -> None:
    alice, bob = await people(system, 2)
    room = await alice.create_room("Kitchen")
    hers = await alice.open(room)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(talking([hers], pace_s=0.02))
        his: list[RawSocket] = []
        for replica in (0, 1):
            for where in (room, ""):
                raw = await open_raw(bob, where, replica=replica)
                stack.callback(raw.abort)
                his.append(raw)
        assert await _status(bob) == 200
        await ends(system, bob, make_settings)
        began = time.monotonic()
        codes = await asyncio.gather(*(raw.closed(30) for raw in his))
        took = time.monotonic() - began
        assert codes == [BAD_TOKEN] * 4
        assert took < SOON_S + SLACK_S
        for replica in (0, 1):
            assert await _status(bob, replica) == 401
            with pytest.raises(NotUpgraded, match="401"):
                await open_raw(bob, room, replica=replica)
    figure("from the end of the log-in to the end of its sockets", took, "s")
    await acquit(system)
    assert len(hers.ledger.connections) == 1
    assert system.errors() == []
