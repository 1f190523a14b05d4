"""Chromium offers compression by itself: where it is on, both directions are compressed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import MakeTown, OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "Кто сегодня придёт на обед? И что закажем? " * 6
AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


async def test_a_page_agrees_on_compression_and_two_people_talk(
    make_town: MakeTown, open_window: OpenWindow
) -> None:
    async with make_town(replicas=1, socket_compression=6) as town:
        alice = await open_window("alice", of=town)
        bob = await open_window("bob", of=town)
        room = await alice.create_room("Kitchen")
        agreed: list[str] = []

        def handshaken(event: dict[str, Any]) -> None:
            headers = {name.lower(): value for name, value in event["response"]["headers"].items()}
            agreed.append(headers.get("sec-websocket-extensions", ""))

        inspector = await alice.context.new_cdp_session(alice.page)
        inspector.on("Network.webSocketHandshakeResponseReceived", handshaken)
        await inspector.send("Network.enable")
        await alice.enter(room)
        await bob.enter(room)
        assert agreed == [AGREED]
        texts = [f"{LONG} {number}" for number in range(4)]
        await alice.say(*texts[:3], "short")
        await bob.shows(*texts[:3], "short")
        await bob.say(texts[3])
        for window in (alice, bob):
            await window.shows(*texts[:3], "short", texts[3])
        await alice.is_saved(texts[0])
        await alice.page.reload()
        await alice.shows(*texts[:3], "short", texts[3])
        assert town.errors() == []
