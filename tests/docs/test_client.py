"""``docs/client/beseda.py`` works as it stands, against a running server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from server.auth.identity import Identities, hash_secret, new_api_token
from server.chat.app import Chat, setup_chat
from server.chat.deps import ChatDeps
from server.domain.errors import CloseCode
from server.domain.ids import new_id
from server.domain.scopes import Scope
from server.runtime.settings import Settings
from server.state.sessions import SessionCache
from server.storage.api_tokens import ApiTokens
from server.storage.sessions import Sessions
from server.website.app import setup_website
from server.website.deps import WebsiteDeps
from tests.chat.town import Person, Talker, Town, open_town
from tests.helpers import wait_until

CLIENT = Path(__file__).parents[2] / "docs" / "client" / "beseda.py"


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Town]:
    async with open_town(settings) as opened:
        yield opened


class Whole:
    """Website and chat in one process, as ``python -m server all`` runs them."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.chat: Chat
        self.url = ""

    async def start(self) -> web.AppRunner:
        town = self.town
        sessions = Sessions(town.pool)
        cache = SessionCache(town.client)
        identities = Identities(town.settings, town.tokens, cache, sessions.by_hash, sessions.touch)
        app = web.Application()
        deps = ChatDeps(town.settings, town.client, town.archive, identities, new_id())
        self.chat = setup_chat(app, deps)
        website = WebsiteDeps.build(town.settings, town.client, town.pool, town.archive, identities)
        setup_website(app, website)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        await wait_until(lambda: self.chat.feed.healthy, description="the feed is healthy")
        return runner

    async def enter(self, person: Person, room: str) -> Talker:
        talker = Talker(
            await self.town.http.ws_connect(f"{self.url}/ws/{room}", headers=person.bearer)
        )
        self.town.talkers.append(talker)
        await talker.answer("subscribe")
        return talker


@pytest.fixture
async def whole(town: Town) -> AsyncIterator[Whole]:
    made = Whole(town)
    runner = await made.start()
    yield made
    await runner.cleanup()


async def bot(town: Town) -> Person:
    """Somebody with a program and a token for it."""
    robot = await town.person("robot")
    token = new_api_token()
    hashed = hash_secret(token)
    scopes = (Scope.READ, Scope.WRITE)
    token_id = await ApiTokens(town.pool).create(robot.user.id, hashed, "Echo", scopes, None)
    return replace(robot, token=token, session_id=token_id, session_hash=hashed)


async def test_the_echo_bot_answers_each_message_once_and_survives_lost_sockets(
    town: Town, whole: Whole
) -> None:
    alice, robot = await town.person("alice"), await bot(town)
    kitchen = await town.room(alice)
    hers = await whole.enter(alice, kitchen)
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CLIENT), whole.url, kitchen),
        env={**os.environ, "BESEDA_TOKEN": robot.token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await hers.event("joined")
        await hers.say(kitchen, "one")
        assert await hers.heard(kitchen, 2, timeout=30) == ["one", "echo one"]
        for guest in whole.chat.roster:
            if guest.identity.user.id == robot.user.id:
                guest.drop()
        await hers.say(kitchen, "two")
        await hers.say(kitchen, "three")
        texts = await hers.heard(kitchen, 6, timeout=30)
        assert sorted(texts) == sorted(
            ["one", "echo one", "two", "three", "echo two", "echo three"]
        )
        ended = await ApiTokens(town.pool).end(robot.session_id, robot.user.id)
        assert ended is not None
        cache = SessionCache(town.client)
        await cache.drop(ended)
        await cache.announce_end(robot.session_id)
        async with asyncio.timeout(30):
            _, errors = await program.communicate()
        assert f"The server closed the socket with {int(CloseCode.BAD_TOKEN)}" in errors.decode()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()


async def test_without_a_token_the_program_says_how_to_use_it() -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CLIENT)), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        _, errors = await program.communicate()
    assert program.returncode == 1
    assert "BESEDA_TOKEN=" in errors.decode()
