"""A network that goes away, a tab that is closed, a replica that is killed."""

from __future__ import annotations

import asyncio
import time

import psutil
import pytest
from playwright.async_api import expect
from prometheus_client.parser import text_string_to_metric_families

from tests.browser.conftest import MakeTown, OpenWindow
from tests.browser.saved import saved_texts
from tests.browser.window import Window
from tests.scenarios.service import Service
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

BACK_S = 3.0
"""A page whose replica was killed is on another one within this time."""


@pytest.mark.complaint(1)
async def test_what_was_written_on_both_sides_of_a_cut_is_there_once_afterwards(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", replica=0, wired=True)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Ferry")
    await alice.enter(room)
    await bob.enter(room)
    await alice.say("before")
    await bob.shows("before")
    await alice.is_saved("before")

    await alice.go_offline()
    await alice.say("from the boat", "с лодки")
    await bob.say("from the pier", "с причала", "again from the pier")
    await expect(alice.banner).to_contain_text("You are offline.")
    await expect(alice.banner).to_contain_text("2 messages are waiting.")
    await expect(alice.state("с лодки")).to_have_attribute("data-state", "sending")
    await bob.shows("before", "from the pier", "с причала", "again from the pier")

    await alice.come_back()
    everything = [
        *("before", "from the pier", "с причала", "again from the pier"),
        *("from the boat", "с лодки"),
    ]
    for window in (alice, bob):
        await window.shows(*everything)
    await expect(alice.banner).to_be_hidden()
    await alice.is_saved("с лодки")
    assert await saved_texts(system, room) == everything
    for window in (alice, bob):
        await window.page.reload()
        await window.is_live()
        await window.shows(*everything)


@pytest.mark.complaint(3)
async def test_a_message_whose_answer_was_lost_is_not_said_twice(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", wired=True)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Canyon")
    await alice.enter(room)
    await bob.enter(room)
    alice.lose_answers()
    await alice.say("do you hear me?")
    await bob.shows("do you hear me?")
    await expect(alice.state("do you hear me?")).to_have_attribute("data-state", "sending")
    await alice.go_offline()
    await alice.come_back()
    await alice.is_saved("do you hear me?")
    await alice.say("good")
    for window in (alice, bob):
        await window.shows("do you hear me?", "good")
    await alice.is_saved("good")
    assert await saved_texts(system, room) == ["do you hear me?", "good"]


@pytest.mark.complaint(11)
async def test_a_message_that_a_closed_tab_left_unsent_is_sent_once(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", wired=True)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Train")
    await alice.enter(room)
    await bob.enter(room)
    await alice.go_offline()
    await alice.say("written in the tunnel")
    await expect(alice.state("written in the tunnel")).to_have_attribute("data-state", "sending")
    await alice.page.close()

    await alice.come_back()
    await alice.new_tab(f"/chatrooms/chat/{room}")
    await alice.is_saved("written in the tunnel")
    await alice.page.close()
    await alice.new_tab(f"/chatrooms/chat/{room}")
    await alice.is_live()
    await alice.say("after the tunnel")
    for window in (alice, bob):
        await window.shows("written in the tunnel", "after the tunnel")
    await alice.is_saved("after the tunnel")
    assert await saved_texts(system, room) == ["written in the tunnel", "after the tunnel"]


async def test_a_message_left_for_another_room_goes_out_from_any_page(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", wired=True)
    left = await alice.create_room("Attic")
    await alice.enter(left)
    await alice.go_offline()
    await alice.say("look in the attic")
    await expect(alice.state("look in the attic")).to_have_attribute("data-state", "sending")
    await alice.page.close()

    await alice.come_back()
    await alice.new_tab("/chatrooms/")
    await expect(alice.room_row("Attic")).to_contain_text("look in the attic")
    await alice.enter(left)
    await alice.shows("look in the attic")


@pytest.mark.complaint(7)
@pytest.mark.fault(2)
async def test_a_page_whose_replica_is_killed_goes_on_at_the_other_one(
    make_town: MakeTown, open_window: OpenWindow
) -> None:
    async with make_town(shared_port=True) as town:
        alice = await open_window("alice", of=town)
        bob = await open_window("bob", of=town)
        for window in (alice, bob):
            window.expects(r"WebSocket connection to .* failed", r"net::ERR_CONNECTION_RE")
        room = await alice.create_room("Bridge")
        home = await _open_at(town, alice, room, town.replicas)
        others = [replica for replica in town.replicas if replica is not home]
        await _open_at(town, bob, room, others)
        await alice.say("before")
        await bob.shows("before")

        home.kill()
        killed = time.monotonic()
        await bob.say("from bob, at once")
        await alice.say("from alice, at once")
        await expect(alice.state("from alice, at once")).not_to_have_attribute(
            "data-state", "sending"
        )
        took = time.monotonic() - killed
        assert took < BACK_S, f"alice was back after {took:.1f} s"
        await expect(alice.texts).to_have_count(3)
        words = await alice.texts.all_inner_texts()
        assert sorted(words) == ["before", "from alice, at once", "from bob, at once"]
        await bob.shows(*words)
        await alice.is_saved("from alice, at once")
        await bob.is_saved("from bob, at once")
        assert await saved_texts(town, room) == words
        await alice.page.reload()
        await alice.shows(*words)


async def _open_at(
    town: System, window: Window, room: str, wanted: list[Service], tries: int = 20
) -> Service:
    """Open a room until the kernel has given its socket to one of the wanted replicas."""
    before = await _sockets(town)
    for _ in range(tries):
        await window.enter(room)
        after = await _sockets(town)
        for replica in wanted:
            if after[replica.name] > before[replica.name]:
                return replica
        await window.page.goto("about:blank")
        while await _sockets(town) != before:
            await asyncio.sleep(0.02)
    raise AssertionError(f"no socket at {[replica.name for replica in wanted]}")


async def _sockets(town: System) -> dict[str, float]:
    """Return the open sockets of each replica, by its name; they answer on one port."""
    started = {
        replica.name: psutil.Process(replica.pid).create_time()
        for replica in town.replicas
        if replica.running
    }
    found: dict[str, float] = {}
    while len(found) < len(started):
        async with town.http.get(f"{town.replicas[0].url}/metrics") as answer:
            text = await answer.text()
        values = {
            sample.name: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name in {"beseda_sockets", "process_start_time_seconds"}
        }
        began = values["process_start_time_seconds"]
        name = min(started, key=lambda each: abs(started[each] - began))
        found[name] = values["beseda_sockets"]
    return found
