"""Many tabs of one browser: they share a socket and an outbox, and outlive each other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Error, WebSocket, expect

from tests.browser.conftest import OpenWindow
from tests.browser.saved import saved_texts
from tests.browser.window import Window
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

TAKEN_OVER_S = 3.0
"""On a busy machine; the figure says what it took."""

NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', {value: undefined})"
NO_DISK = "Object.defineProperty(globalThis, 'indexedDB', {value: undefined})"
HANG = "setTimeout(() => { const end = Date.now() + 6000; while (Date.now() < end); }) && undefined"


async def _close(window: Window) -> None:
    await window.page.close()


async def _crash(window: Window) -> None:
    crashed = asyncio.ensure_future(window.page.wait_for_event("crash"))
    with contextlib.suppress(Error):
        await window.page.goto("chrome://crash", timeout=1_000)
    await crashed


async def _freeze(window: Window) -> None:
    # Chromium without a screen shows every tab, and freezes none that is shown.
    await window.page.evaluate("document.dispatchEvent(new Event('freeze')) && undefined")


async def _leave(window: Window) -> None:
    await window.page.goto("about:blank")


def _note(socket: WebSocket, room: str, heard: list[float]) -> None:
    """Note when the socket of another tab begins to hear a room from where its tab was."""

    def look(frame: str | bytes) -> None:
        answer = json.loads(frame).get("ok", {})
        if answer.get("room") == room and answer.get("mode") == "resumed":
            heard.append(time.monotonic())

    socket.on("framereceived", look)


async def _one_socket(window: Window) -> None:
    await wait_until(
        lambda: len(window.open_sockets) == 1, 10, "the tabs of this browser have one socket"
    )


async def test_tabs_of_one_browser_share_a_socket_and_each_hears_its_room(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    rooms = [await alice.create_room(f"Room {number}") for number in range(3)]
    await alice.enter(rooms[0])
    tabs = [alice]
    for room in (*rooms[1:], rooms[1]):
        tabs.append(await alice.beside())
        await tabs[-1].enter(room)
    lobby = await alice.beside("/chatrooms/")
    await expect(lobby.room_row("Room 2")).to_be_visible()
    await _one_socket(alice)
    assert alice.open_sockets == [alice.page]

    for number, room in enumerate(rooms):
        await bob.enter(room)
        await bob.say(f"hello, room {number}")
    for tab, number in zip(tabs, (0, 1, 2, 1), strict=True):
        await tab.shows(f"hello, room {number}")
    for number in range(3):
        await expect(lobby.room_row(f"Room {number}")).to_contain_text(f"hello, room {number}")
    assert len(alice.open_sockets) == 1
    assert len(alice.sockets) == 1, "no tab had a socket of its own even for a moment"


@pytest.mark.parametrize("end", [_close, _leave, _freeze, _crash])
async def test_the_next_tab_goes_on_when_the_one_with_the_socket_goes(
    system: System,
    open_window: OpenWindow,
    figure: Figure,
    end: Callable[[Window], Awaitable[None]],
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room, other = await alice.create_room("Relay"), await alice.create_room("Next door")
    await alice.enter(room)
    second = await alice.beside()
    await second.enter(room)
    third = await alice.beside()
    await third.enter(other)
    await bob.enter(room)
    await bob.say("before")
    await second.shows("before")
    assert alice.open_sockets == [alice.page]

    heard: list[float] = []
    for tab in (second, third):
        tab.page.on("websocket", lambda socket: _note(socket, room, heard))
    began = time.monotonic()
    await end(alice)
    await bob.say("in between")
    await expect(second.message("in between")).to_be_visible()
    took = heard[0] - began
    figure(f"another tab hears the room after {end.__name__[1:]}", took, "s")
    assert took < TAKEN_OVER_S
    await second.say("from the second")
    await bob.say("after")
    await second.is_saved("from the second")
    await bob.is_saved("after")
    await expect(bob.texts).to_have_count(4)
    words = await bob.texts.all_inner_texts()
    assert sorted(words) == ["after", "before", "from the second", "in between"]
    await second.shows(*words)
    await third.say("next door, too")
    await third.is_saved("next door, too")
    assert await saved_texts(system, room) == words
    assert len(set(alice.open_sockets) - {alice.page}) == 1
    await expect(second.banner).to_be_hidden()


async def test_a_tab_whose_leader_hangs_takes_its_place(
    open_window: OpenWindow, figure: Figure
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Clock tower")
    await alice.enter(room)
    second = await alice.beside()
    await second.enter(room)
    await bob.enter(room)
    await alice.page.evaluate(HANG)
    began = time.monotonic()
    await second.say("is anybody there?")
    await bob.shows("is anybody there?")
    figure("another tab speaks after the one with the socket hung", time.monotonic() - began, "s")
    await second.is_saved("is anybody there?")
    await bob.say("yes")
    # The one that hung goes on too, when it can, by the other's socket.
    for window in (second, alice):
        await window.shows("is anybody there?", "yes")
    await wait_until(lambda: alice.open_sockets == [second.page], 10, "one socket is left")


@pytest.mark.complaint(1)
async def test_a_frozen_tab_that_is_thawed_has_what_was_said_meanwhile(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Icehouse")
    await alice.enter(room)
    await bob.enter(room)
    await bob.say("before")
    await alice.shows("before")
    await _freeze(alice)
    await wait_until(lambda: not alice.open_sockets, 10, "the frozen tab let its socket go")
    await bob.say("while it was frozen")
    await alice.shows("before")
    await alice.page.evaluate("document.dispatchEvent(new Event('resume')) && undefined")
    await alice.shows("before", "while it was frozen")


async def test_the_same_room_twice_shows_one_message_with_its_state_in_both(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Mirrors")
    await alice.enter(room)
    second = await alice.beside()
    await second.enter(room)
    writer = system.writers[0]
    writer.stop()
    try:
        await second.say("left")
        await alice.say("right")
        for window in (alice, second):
            for text in ("left", "right"):
                await expect(window.state(text)).to_have_attribute("data-state", "sent")
    finally:
        writer.cont()
    for window in (alice, second):
        await expect(window.texts).to_have_count(2)
        for text in ("left", "right"):
            await window.is_saved(text)
    await alice.say("x" * 5)
    await second.is_saved("x" * 5)
    assert sorted(await saved_texts(system, room)) == ["left", "right", "xxxxx"]


async def test_what_is_waiting_offline_is_seen_in_every_tab_and_sent_once(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", wired=True)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Tunnel")
    await alice.enter(room)
    second = await alice.beside()
    await second.enter(room)
    await bob.enter(room)
    await alice.go_offline()
    await second.say("from the second tab")
    await expect(alice.state("from the second tab")).to_have_attribute("data-state", "sending")
    await expect(alice.banner).to_contain_text("1 message is waiting.")
    await second.page.close()
    await alice.come_back()
    await alice.is_saved("from the second tab")
    for window in (alice, bob):
        await window.shows("from the second tab")
    assert await saved_texts(system, room) == ["from the second tab"]


async def test_a_tab_of_somebody_else_speaks_for_itself_alone(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Cloakroom")
    await alice.enter(room)
    bob = await alice.beside()
    other = await system.register("bobinthesamebrowser")
    await bob.log_in(other, "Bobinthesamebrowser")
    await bob.enter(room)
    await bob.say("I am Bob")
    await bob.is_saved("I am Bob")
    await expect(alice.message("I am Bob").locator(".message__state")).to_have_count(0)
    await alice.say("and I am Alice")
    await expect(bob.message("and I am Alice").locator(".message__name")).to_have_text(alice.name)
    assert len(alice.open_sockets) == 2
    # When Alice's socket ends, her tab must not come back as Bob.
    await alice.page.evaluate("document.dispatchEvent(new Event('freeze')) && undefined")
    await alice.say("whose message is this?")
    await alice.page.evaluate("document.dispatchEvent(new Event('resume')) && undefined")
    await expect(alice.banner).to_contain_text("You are logged out.")
    await bob.say("last")
    await bob.is_saved("last")
    assert await saved_texts(system, room) == ["I am Bob", "and I am Alice", "last"]


async def test_without_locks_each_tab_has_a_socket_of_its_own(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice")
    await alice.context.add_init_script(NO_LOCKS)
    await alice.context.add_init_script(NO_DISK)
    room = await alice.create_room("Private")
    await alice.enter(room)
    second = await alice.beside()
    await second.enter(room)
    await wait_until(lambda: len(alice.open_sockets) == 2, 10, "each tab has its socket")
    await second.say("one")
    await alice.shows("one")
    await alice.say("two")
    for window in (alice, second):
        await window.shows("one", "two")
    await alice.is_saved("two")
    assert await saved_texts(system, room) == ["one", "two"]
