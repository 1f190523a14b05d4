"""``docs/protocol.md`` tells the truth: its examples are sent, its answers compared."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from server.domain.commands import Command
from server.domain.errors import KINDS, CloseCode
from server.runtime.settings import Settings
from server.state.moderation import Action
from server.state.sessions import SessionCache
from server.writer.drain import Writer
from tests.chat.town import Person, Talker, Town, open_town

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
EPOCH, SEQ = 1700000000000, 42

_BLOCK = re.compile(r"^```json (client|server) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| (.*) \|$", re.MULTILINE)


def _examples(side: str) -> dict[str, Any]:
    return {m[2]: orjson.loads(m[3]) for m in _BLOCK.finditer(DOCUMENT) if m[1] == side}


CLIENT, SERVER = _examples("client"), _examples("server")


def _rows(section: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    text = DOCUMENT.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in row[1].split("|")] for row in _ROW.finditer(text)]
    return rows[1:]


def _assert_same_shape(found: Any, documented: Any, where: str) -> None:
    """Same fields in the same order, same kinds of values; lists by their first element."""
    if isinstance(documented, dict):
        assert isinstance(found, dict), where
        assert list(found) == list(documented), where
        for name, value in documented.items():
            _assert_same_shape(found[name], value, f"{where}.{name}")
    elif isinstance(documented, list):
        assert isinstance(found, list), where
        if found and documented:
            _assert_same_shape(found[0], documented[0], f"{where}[0]")
    else:
        assert type(found) is type(documented), where


# --- Tables -----------------------------------------------------------------------------------


def test_the_error_codes_are_those_of_the_server() -> None:
    documented = {
        code.strip("`"): (int(status), message, int(retry) if retry else None)
        for code, status, retry, message in _rows("Error codes")
    }
    assert documented == {code: tuple(kind) for code, kind in KINDS.items()}


def test_the_close_codes_are_those_of_the_server() -> None:
    documented = {
        int(code): (name.strip("`"), then) for code, name, then, _ in _rows("Close codes")
    }
    assert documented == {
        int(code): (code.name, "reconnect" if code.reconnect else "final") for code in CloseCode
    }


def test_the_limits_are_the_defaults() -> None:
    fields = Settings.model_fields
    for name, default, _ in _rows("Limits"):
        assert float(default) == fields[name.strip("`").lower()].default, name


def test_every_op_has_an_example() -> None:
    ops = {op.__name__.lower() for op in get_args(Command)}
    assert ops == {example["op"] for example in CLIENT.values()}


# --- Examples ---------------------------------------------------------------------------------


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Town]:
    async with open_town(settings) as opened:
        yield opened


def _fill(example: dict[str, Any], room: str, said: dict[str, Any], token: str) -> dict[str, Any]:
    text = orjson.dumps(example).decode()
    text = text.replace('"kitchen"', f'"{room}"').replace("a.newer.token", token)
    text = text.replace(f'"epoch":{EPOCH}', f'"epoch":{said["epoch"]}')
    filled: dict[str, Any] = orjson.loads(text.replace(f'"seq":{SEQ}', f'"seq":{said["seq"]}'))
    return filled


async def _run(talker: Talker, example: dict[str, Any]) -> dict[str, Any]:
    await talker.ws.send_str(orjson.dumps(example).decode())
    return await talker.answer(example["id"])


async def _kitchen(town: Town) -> tuple[Person, str]:
    alice = await town.person("alice")
    return alice, await town.room(alice)


async def test_every_client_example_is_answered_as_documented(town: Town) -> None:
    replica = await town.replica()
    alice, room = await _kitchen(town)
    hers, _ = await replica.enter(alice, room)
    await hers.say(room, "first")
    said = await hers.say(room, "second")
    # Unsubscribing is last in the document too: the others need the room.
    for name, example in CLIENT.items():
        answer = await _run(hers, _fill(example, room, said, alice.token))
        documented = SERVER["typing-ok" if name == "typing" else name]
        _assert_same_shape(answer, documented, name)
        if "mode" in documented.get("ok", {}):
            assert answer["ok"]["mode"] == documented["ok"]["mode"]
        if "err" in documented:
            assert answer["err"] == documented["err"]


async def test_every_event_looks_as_documented(town: Town) -> None:
    replica = await town.replica()
    alice, room = await _kitchen(town)
    bob = await town.person("bob")
    stop = asyncio.Event()
    writing = asyncio.create_task(Writer(town.client, town.pool, town.settings).run(stop))
    hers, _ = await replica.enter(alice, room)
    his, _ = await replica.enter(bob, room)
    await his.ask("typing", room=room)
    tea = await hers.say(room, "Tea?")
    at = {"room": room, "epoch": tea["epoch"], "seq": tea["seq"]}
    tea_at = {"epoch": tea["epoch"], "seq": tea["seq"]}
    await his.ask("send", room=room, cid="c17", text="With milk.", reply=tea_at)
    _assert_same_shape(await hers.event("message", cid="c17"), SERVER["message-reply"], "reply")
    await hers.ask("edit", cid="c12", text="Coffee?", **at)
    await his.ask("react", cid="c13", emoji="👍", on=True, **at)
    await hers.ask("pin", cid="c18", on=True, **at)
    await hers.ask("delete", cid="c14", **at)
    again, _ = await replica.enter(alice, room, (1, 1))
    await hers.event("saved")
    await hers.event("presence", online=2)
    await town.archive.moderate(room, alice.user, bob.user, Action.MUTED)
    await hers.event("role")
    await town.archive.moderation.tell_description(room, "Tea and talk")
    await hers.event("room_changed")
    await SessionCache(town.client).announce_room(alice.user.id, room)
    await hers.event("room_added")
    await town.archive.rooms.remove(room, bob.user, "removed")
    await hers.event("left")
    await town.archive.rooms.delete(room, alice.user)
    await hers.event("room_deleted")
    stop.set()
    await writing
    await replica.chat.drain(1)
    await hers.event("reconnect")
    await again.event("reset")

    heard = [*his.events, *hers.events, *again.events]
    events = {event["ev"]: event for event in heard if "reply" not in event}
    words = [
        each
        for each in events["reset"]["events"]
        if each["ev"] == "message" and "reply" not in each
    ]
    events["reset"]["events"] = words
    documented = {name: example for name, example in SERVER.items() if example.get("ev") == name}
    assert set(events) == set(documented)
    for name, example in documented.items():
        _assert_same_shape(events[name], example, name)
