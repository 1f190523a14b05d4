"""Frames that break the protocol, JSON and bodies that are bombs: each ends or is refused alone."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.figures import Figure
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.load import people
from tests.scenarios.person import Person
from tests.scenarios.raw import (
    CLOSE,
    CONTINUATION,
    PING,
    RawSocket,
    close,
    frame,
    header,
    raw_socket,
)
from tests.scenarios.system import System
from tests.scenarios.vitals import rss

GOOD = b'{"op":"ping","id":"1"}'
MILLION = 1_000_000
GROWTH_MIB = 10.0
PAUSE_S = 0.05
"""The longest that one bomb may hold up the others, on a machine that does nothing else."""
ROUNDS = 3
ANSWER_S = 0.1 * 3
"""Until a bomb is refused; three times as long as it may take, for slow machines."""


class Bystander:
    """Somebody on the same replica: how long he waits for an answer while others misbehave.

    Attributes:
        longest: his longest wait, in seconds, in the calmest of the rounds.
    """

    def __init__(self, raw: RawSocket) -> None:
        self._raw = raw
        self.longest = 0.0

    async def bears(self, attack: Callable[[], Awaitable[None]]) -> None:
        """Attack up to ``ROUNDS`` times: what holds the loop up does so every time."""
        quiet = max([await self._raw.ping() for _ in range(50)])
        rounds = []
        for _ in range(ROUNDS):
            rounds.append(await self._watch(attack()))
            self.longest = min(rounds)
            if self.longest < PAUSE_S:
                return
        assert self.longest < PAUSE_S + 5 * quiet

    async def _watch(self, attack: Awaitable[None]) -> float:
        under_way = asyncio.ensure_future(attack)
        waits = []
        while not under_way.done():
            waits.append(await self._raw.ping())
            await asyncio.sleep(0.001)
        await under_way
        waits.append(await self._raw.ping())
        return max(waits)


@asynccontextmanager
async def bystander(person: Person, room: str) -> AsyncIterator[Bystander]:
    async with raw_socket(person, room) as raw:
        yield Bystander(raw)


@pytest.fixture
async def system(make_system: MakeSystem) -> AsyncIterator[System]:
    async with make_system(replicas=1, errors_per_socket=1000) as running:
        yield running


@pytest.mark.fault(28)
@pytest.mark.fault(29)
@pytest.mark.fault(31)
async def test_a_frame_against_the_rules_ends_its_own_socket_with_a_code(
    system: System, figure: Figure
) -> None:
    alice, mallory = await people(system, 2)
    room = await alice.create_room("Kitchen")
    witness = await alice.open(room)
    endless = frame(b"", CONTINUATION, fin=False)
    cases: dict[str, tuple[bytes, int]] = {
        "not masked": (frame(GOOD, masked=False), 1002),
        "compressed, which nobody agreed on": (frame(GOOD, rsv=4), 1002),
        "second reserved bit": (frame(GOOD, rsv=2), 1002),
        "third reserved bit": (frame(b"", PING, rsv=1), 1002),
        "opcode 3": (frame(GOOD, 3), 1002),
        "opcode 11": (frame(b"", 11), 1002),
        "a ping of 126 bytes": (frame(b"x" * 126, PING), 1002),
        "a ping in pieces": (frame(b"", PING, fin=False), 1002),
        "the rest of nothing": (frame(GOOD, CONTINUATION), 1002),
        "a message inside another": (frame(b"", fin=False) + frame(GOOD), 1002),
        "one byte too many": (header(0x81, 65_537), 1009),
        "says to have 2^63 bytes": (header(0x81, 2**63), 1009),
        "too many bytes in pieces": (
            frame(b"x" * 40_000, fin=False) + frame(b"x" * 40_000, CONTINUATION, fin=False),
            1009,
        ),
        "a million pieces": (
            frame(b"x", fin=False) + frame(b"x", CONTINUATION, fin=False) * MILLION,
            1009,
        ),
        "a million pieces of nothing": (frame(b"", fin=False) + endless * MILLION, 1009),
        "broken UTF-8": (frame(b'{"op":"\xff"}'), 1007),
        "a surrogate": (frame(b"\xed\xa0\x80"), 1007),
        "broken UTF-8 over two pieces": (
            frame(b"\xe2\x82", fin=False) + frame(b"\x20", CONTINUATION),
            1007,
        ),
        "a reason that is no UTF-8": (close(1000, b"\xff"), 1007),
        "half a close code": (frame(b"x", CLOSE), 1002),
        **{f"close {code}": (close(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1015)},
        **{f"close {code}": (close(code), 1002) for code in (1016, 2999, 5000, 65_535)},
        "a proper end": (close(1000), 1000),
        "an end of its own": (close(4321), 4321),
    }
    async with bystander(alice, room) as other:
        before = rss(system.replicas[0])
        wrong: list[str] = []

        async def attack() -> None:
            for what, (bad, code) in cases.items():
                async with raw_socket(mallory, room) as raw:
                    raw.send(bad)
                    if (got := await raw.closed(30)) != code:
                        wrong.append(f"{what}: {got}, not {code}")

        await other.bears(attack)
        grown = rss(system.replicas[0]) - before
    assert not wrong, "\n".join(wrong)
    assert grown < GROWTH_MIB
    figure("memory that bad frames cost", grown, "MiB")
    figure("longest wait of a neighbour", other.longest * 1000, "ms")
    await witness.is_saved(witness.say("still here"))
    assert len(witness.ledger.connections) == 1
    assert system.errors() == []


@pytest.mark.fault(28)
async def test_a_flood_of_pings_ends_the_socket_and_costs_others_nothing(
    system: System, figure: Figure
) -> None:
    alice, mallory = await people(system, 2)
    room = await alice.create_room("Kitchen")
    flood = frame(b"x" * 125, PING) * 100_000

    async def attack() -> None:
        async with raw_socket(mallory, room) as raw:
            raw.send(flood)
            # Whoever is still writing may be cut off before he reads the code.
            assert await raw.closed(30) in {1008, None}

    async with bystander(alice, room) as other:
        before = rss(system.replicas[0])
        await other.bears(attack)
        assert rss(system.replicas[0]) - before < GROWTH_MIB
        figure("longest wait of a neighbour", other.longest * 1000, "ms")
    assert system.errors() == []


@pytest.mark.fault(30)
async def test_a_bomb_of_json_is_refused_at_once_and_holds_nobody_up(
    system: System, figure: Figure
) -> None:
    alice, mallory = await people(system, 2)
    room = await alice.create_room("Kitchen")
    names = {str(n): n for n in range(4000)}

    def at(epoch: str) -> bytes:
        return f'{{"op":"subscribe","id":"1","room":"{room}","epoch":{epoch},"seq":1}}'.encode()

    bombs = {
        "depth of arrays": (b"[" * 65_000, "bad_json"),
        "depth of objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "bad_json"),
        "depth that is still JSON": (b'{"a":' * 500 + b'"\\""' + b"}" * 500, "bad_request"),
        "many names": (json.dumps(names).encode(), "bad_request"),
        "many names of an op": (
            json.dumps({"op": "ping", "id": "1"} | names).encode(),
            "bad_request",
        ),
        "many empty strings": (b'{"id":"1","op":[' + b'"",' * 20_000 + b'""]}', "unknown_op"),
        "many quotes": (b'{"id":"1","op":"' + b'\\"' * 32_000 + b'"}', "unknown_op"),
        "a number of 65 000 digits": (at("9" * 65_000), "bad_json"),
        "a fraction of 65 000 digits": (at("0." + "9" * 65_000), "bad_request"),
        "a huge exponent": (at("1e999999999"), "bad_json"),
        "a tiny exponent": (at("1e-999999999"), "bad_request"),
        "not a number": (at("NaN"), "bad_json"),
        "infinity": (at("-Infinity"), "bad_json"),
        "a name twice": (b'{"op":"ping","id":"1","id":"2"}', "bad_json"),
        "a hidden name twice": (b'{"op":"ping","id":"1","\\u0069d":"2"}', "bad_json"),
    }
    slowest = 0.0
    wrong: list[str] = []
    async with bystander(alice, room) as other, raw_socket(mallory, room) as raw:

        async def attack() -> None:
            nonlocal slowest
            slowest = 0.0
            for what, (bomb, code) in bombs.items():
                assert len(bomb) <= 65_536, what
                began = time.perf_counter()
                if (got := await raw.refused(bomb)) != code:
                    wrong.append(f"{what}: {got}, not {code}")
                slowest = max(slowest, time.perf_counter() - began)

        await other.bears(attack)
        assert not wrong, "\n".join(wrong)
        assert slowest < ANSWER_S
        figure("slowest answer to a bomb", slowest * 1000, "ms")
        figure("longest wait of a neighbour", other.longest * 1000, "ms")
        for what, bomb in {
            "depth": b"[" * 100_000,
            "names": json.dumps({str(n): n for n in range(MILLION)}).encode(),
            "digits": b"9" * 100_000,
        }.items():
            async with raw_socket(mallory, room) as large:
                large.send(frame(bomb))
                assert await large.closed(30) == 1009, what
    assert system.errors() == []


@pytest.mark.fault(31)
async def test_a_compressed_body_is_refused_without_looking_into_it(
    system: System, figure: Figure
) -> None:
    alice, mallory = await people(system, 2)
    room = await alice.create_room("Kitchen")
    plain = bytes(50 * MILLION)
    packed = zlib.compressobj(wbits=-15)
    bombs = {
        "gzip": gzip.compress(plain),
        "deflate": zlib.compress(plain),
        "DEFLATE": packed.compress(plain) + packed.flush(),
        "br": b"\x8b\x02\x80aaa\x03",
        "zstd": b"(\xb5/\xfd",
        "gzip, gzip": gzip.compress(gzip.compress(plain)),
        "x-gzip": b"not even packed",
    }
    paths = {
        "/api/v1/rooms": "application/json",
        f"/api/v1/rooms/{room}/messages": "application/json",
        "/token": "application/x-www-form-urlencoded",
        "/register/": "multipart/form-data; boundary=x",
        f"/ws/{room}": "text/plain",
    }
    async with bystander(alice, room) as other:
        before = rss(system.replicas[0])

        async def attack() -> None:
            for encoding, body in bombs.items():
                for path, kind in paths.items():
                    headers = {"Content-Encoding": encoding, "Content-Type": kind}
                    answer = await mallory.post(path, data=body, headers=mallory.bearer | headers)
                    assert answer.status in {400, 405, 413, 415}, (encoding, path, answer.text)

        await other.bears(attack)
        grown = rss(system.replicas[0]) - before
    assert grown < GROWTH_MIB
    figure("memory that deflate bombs cost", grown, "MiB")
    figure("longest wait of a neighbour", other.longest * 1000, "ms")
    assert system.errors() == []
