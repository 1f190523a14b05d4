"""Sockets that agreed on compression, beside others: the same messages, compressed once for all."""

from __future__ import annotations

import zlib

import orjson
import pytest

from server.chat.fanout import Fanout
from server.chat.people import Member
from server.domain import frames as domain_frames
from server.domain.deflate import deflate
from server.domain.frames import TextFrame, text_frame
from server.runtime.instruments import DELIVERED_BYTES
from tests.chat.fakes import FakeMember
from tests.chat.test_socket import listening
from tests.chat.town import Person, Replica, Talker, Town
from tests.scenarios.raw import frame

OFFER = "permessage-deflate; client_max_window_bits"
AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
LONG = "Кто сегодня придёт на обед? " * 8
TAIL = b"\x00\x00\xff\xff"


@pytest.fixture
async def packing(town: Town) -> Replica:
    return await town.replica(socket_compression=6)


async def enter(replica: Replica, person: Person, room: str, at: str = "") -> Talker:
    """Open a socket of a client that compresses as browsers offer to."""
    ws = await replica.town.http.ws_connect(
        f"{replica.url}/ws/{room}{at}", headers=person.bearer, compress=15
    )
    talker = Talker(ws)
    replica.town.talkers.append(talker)
    await talker.answer("subscribe")
    return talker


@pytest.fixture
def compressions(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return what was compressed, in order."""
    seen: list[bytes] = []

    def noting(payload: bytes, level: int) -> bytes | None:
        if (packed := deflate(payload, level)) is not None:
            seen.append(payload)
        return packed

    monkeypatch.setattr(domain_frames, "deflate", noting)
    return seen


def test_a_message_is_compressed_once_for_all_who_agreed(compressions: list[bytes]) -> None:
    people = [FakeMember(f"member{number}") for number in range(6)]
    for person in people[3:]:
        person.deflate = 6
    members: dict[Member, None] = dict.fromkeys(people)
    fanout = Fanout(members)
    long, short = TextFrame(LONG.encode()), TextFrame(b"short")
    before = DELIVERED_BYTES._value.get()
    for queued in (long, short, long):
        fanout.queue(queued)
    while fanout.waits:
        fanout.write(2)
    fanout.queue(long)
    fanout.flush()
    assert compressions == [LONG.encode()]
    plain = [long.plain + short.plain + long.plain, long.plain]
    packed = [long.at(6) + short.plain + long.at(6), long.at(6)]
    assert [person.writes for person in people] == [plain] * 3 + [packed] * 3
    assert people[3].writes[0] is people[5].writes[0]
    sent = sum(len(write) for person in people for write in person.writes)
    assert DELIVERED_BYTES._value.get() - before == sent


def test_nothing_is_compressed_in_a_room_where_nobody_agreed(compressions: list[bytes]) -> None:
    people = [FakeMember(f"member{number}") for number in range(3)]
    members: dict[Member, None] = dict.fromkeys(people)
    fanout = Fanout(members)
    fanout.queue(TextFrame(LONG.encode()))
    fanout.flush()
    assert [person.writes for person in people] == [[text_frame(LONG.encode())]] * 3
    assert compressions == []


async def test_who_agreed_and_who_did_not_hear_the_same(
    packing: Replica, alice: Person, bob: Person, kitchen: str, compressions: list[bytes]
) -> None:
    hers, again = await enter(packing, alice, kitchen), await enter(packing, alice, kitchen)
    his, _ = await packing.enter(bob, kitchen)
    assert [talker.ws.compress for talker in (hers, again, his)] == [15, 15, 0]
    texts = [LONG + str(number) for number in range(5)]
    for number, text in enumerate(texts):
        await (his, hers)[number % 2].say(kitchen, text)
    for talker in (hers, again, his):
        assert await talker.heard(kitchen, 5) == texts
    said = [each for each in compressions if b'"ev":"message"' in each]
    assert len(said) == 5


async def test_what_was_missed_and_pages_of_history_come_compressed(
    packing: Replica, alice: Person, bob: Person, kitchen: str, compressions: list[bytes]
) -> None:
    his, ok = await packing.enter(bob, kitchen)
    texts = [LONG + str(number) for number in range(200)]
    for text in texts:
        await his.say(kitchen, text)
    at = f"?epoch={ok['epoch']}&seq={ok['seq']}"
    hers = await enter(packing, alice, kitchen, at)
    assert await hers.heard(kitchen, 200) == texts
    again = await enter(packing, alice, kitchen, at)
    assert await again.heard(kitchen, 200) == texts
    said = [each for each in compressions if b'"ev":"message"' in each and b'"re"' not in each]
    assert len(said) == 200, "each once, for both of them"
    last = his.events[-1]
    page = await hers.ask("history", room=kitchen, before={"epoch": last["epoch"], "seq": 1 << 40})
    assert [each["text"] for each in page["events"]] == texts[-len(page["events"]) :]
    assert any(b'"events"' in each for each in compressions)


@pytest.mark.parametrize(
    ("offer", "agreed"),
    [
        (OFFER, AGREED),
        ("permessage-deflate; server_max_window_bits=9", None),
        ("permessage-deflate; of_my_own", None),
        ("permessage-deflate; server_max_window_bits=9, permessage-deflate", AGREED),
        (",;=,", None),
    ],
)
async def test_an_offer_is_agreed_on_or_declined_and_the_socket_opens(
    town: Town, packing: Replica, alice: Person, offer: str, agreed: str | None
) -> None:
    headers = alice.bearer | {"Sec-WebSocket-Extensions": offer}
    async with town.http.ws_connect(f"{packing.url}/ws", headers=headers) as ws:
        assert ws._response.headers.get("Sec-WebSocket-Extensions") == agreed
        assert ws.closed is False


async def test_nothing_is_agreed_on_where_compression_is_off(
    town: Town, replica: Replica, alice: Person
) -> None:
    headers = alice.bearer | {"Sec-WebSocket-Extensions": OFFER}
    async with town.http.ws_connect(f"{replica.url}/ws", headers=headers) as ws:
        assert "Sec-WebSocket-Extensions" not in ws._response.headers


async def test_compressed_ops_are_heard_in_one_piece_or_several(
    packing: Replica, alice: Person
) -> None:
    extension = f"Sec-WebSocket-Extensions: {OFFER}\r\n"
    async with listening(packing, alice, more=extension) as ear:
        packer = zlib.compressobj(wbits=-15)
        op = orjson.dumps({"op": "ping", "id": "1"})
        body = (packer.compress(op) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
        ear.writer.write(frame(body, rsv=4))
        assert (await ear.json())["re"] == "1"
        ear.writer.write(frame(body[:7], fin=False, rsv=4) + frame(b"?", 9) + frame(body[7:], 0))
        assert await ear.next() == (0xA, b"?")
        assert (await ear.json())["re"] == "1"
        ear.writer.write(frame(body[:-3], rsv=4))
        opcode, reason = await ear.next()
        assert (opcode, int.from_bytes(reason[:2], "big")) == (8, 1007)


async def test_a_bomb_ends_its_own_socket(
    packing: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers = await enter(packing, alice, kitchen)
    his = await enter(packing, bob, kitchen)
    await his.ws.send_str("x" * 60_000_000, compress=15)
    assert await his.closed() == 1009
    await hers.say(kitchen, LONG)
    assert await hers.heard(kitchen, 1) == [LONG]
