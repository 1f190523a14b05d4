from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from aiohttp import WSServerHandshakeError

from server.auth.identity import hash_secret, new_api_token
from server.chat.connection import SCOPES
from server.domain.commands import Command
from server.domain.errors import CloseCode
from server.domain.scopes import Scope
from server.state.sessions import SessionCache
from server.storage.api_tokens import ApiTokens
from tests.chat.town import Person, Replica, Town

PLACE = {"epoch": 1, "seq": 1}
OPS: dict[str, tuple[Scope, dict[str, Any]]] = {
    "subscribe": (Scope.READ, {}),
    "history": (Scope.READ, {}),
    "send": (Scope.WRITE, {"cid": "c1", "text": "Tea?"}),
    "edit": (Scope.WRITE, {"cid": "c2", "text": "Coffee?", **PLACE}),
    "pin": (Scope.WRITE, {"cid": "c5", "on": True, **PLACE}),
    "react": (Scope.WRITE, {"cid": "c3", "emoji": "👍", "on": True, **PLACE}),
    "delete": (Scope.WRITE, {"cid": "c4", **PLACE}),
    "typing": (Scope.WRITE, {}),
    "read": (Scope.WRITE, PLACE),
    "refresh": (Scope.READ, {"token": "none"}),
    "ping": (Scope.READ, {}),
    "unsubscribe": (Scope.READ, {}),
}


async def program(town: Town, person: Person, *scopes: Scope) -> Person:
    """A program of that person, with a token of these scopes."""
    token = new_api_token()
    token_hash = hash_secret(token)
    token_id = await ApiTokens(town.pool).create(person.user.id, token_hash, "Echo", scopes, None)
    return replace(person, token=token, session_id=token_id, session_hash=token_hash)


def test_every_op_has_a_scope_that_was_meant() -> None:
    assert {op.__name__.lower() for op in get_args(Command)} == set(OPS)
    assert {op.__name__.lower(): scope for op, scope in SCOPES.items()} == {
        name: scope for name, (scope, _) in OPS.items()
    }


@pytest.mark.parametrize("writes", [False, True], ids=["read only", "read and write"])
async def test_every_op_asks_a_token_for_its_scope(
    town: Town, replica: Replica, alice: Person, kitchen: str, writes: bool
) -> None:
    scopes = [Scope.READ, *([Scope.WRITE] if writes else [])]
    talker = await replica.connect(await program(town, alice, *scopes))
    for op, (scope, fields) in OPS.items():
        where = {} if op in {"ping", "refresh"} else {"room": kitchen}
        answer = await talker.answer(await talker.submit(op, **where, **fields))
        code = answer.get("err", {}).get("code")
        assert (code == "insufficient_scope") == (scope not in scopes), (op, answer)


@pytest.mark.parametrize("scope", [Scope.WRITE, Scope.ROOMS])
async def test_a_token_that_may_not_read_opens_no_socket(
    town: Town, replica: Replica, alice: Person, kitchen: str, scope: Scope
) -> None:
    deaf = await program(town, alice, scope)
    for room in (None, kitchen):
        with pytest.raises(WSServerHandshakeError) as refused:
            await replica.connect(deaf, room)
        assert refused.value.status == 403


async def test_a_revoked_token_closes_its_sockets_and_no_others(
    town: Town, replica: Replica, alice: Person, kitchen: str
) -> None:
    echo, other = [await program(town, alice, Scope.READ) for _ in range(2)]
    hers, _ = await replica.enter(alice, kitchen)
    its, _ = await replica.enter(echo, kitchen)
    others, _ = await replica.enter(other, kitchen)
    ended = await ApiTokens(town.pool).end(echo.session_id, alice.user.id)
    assert ended == echo.session_hash
    cache = SessionCache(town.client)
    await cache.drop(ended)
    await cache.announce_end(echo.session_id)
    assert await its.closed() == CloseCode.BAD_TOKEN
    await hers.say(kitchen, "still here")
    assert await others.heard(kitchen, 1) == ["still here"]


async def test_a_revocation_that_nobody_heard_of_closes_sockets_at_the_next_look(
    town: Town, replica: Replica, alice: Person, kitchen: str
) -> None:
    echo = await program(town, alice, Scope.READ)
    its, _ = await replica.enter(echo, kitchen)
    await ApiTokens(town.pool).end(echo.session_id, alice.user.id)
    await SessionCache(town.client).drop(echo.session_hash)
    await replica.chat.roster.recheck_once()
    assert await its.closed() == CloseCode.BAD_TOKEN


async def test_a_socket_may_not_go_on_under_a_token_that_may_not_read(
    town: Town, replica: Replica, alice: Person
) -> None:
    talker = await replica.connect(alice)
    writer = await program(town, alice, Scope.WRITE)
    assert await talker.refused("refresh", token=writer.token) == "insufficient_scope"
    reader = await program(town, alice, Scope.READ)
    await talker.ask("refresh", token=reader.token)
    code = await talker.refused("send", room="kitchen", cid="c1", text="Tea?")
    assert code == "insufficient_scope"
