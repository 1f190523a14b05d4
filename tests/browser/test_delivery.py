"""What the page promises of a message, and what it says of the connection meanwhile."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import expect
from redis.asyncio import Redis

from tests.browser.conftest import MakeTown, OpenWindow
from tests.browser.saved import saved_texts
from tests.browser.window import Window
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

WATCH = """() => {
  globalThis.seen = [];
  const banner = document.querySelector(".banner");
  const look = () => {
    if (!banner.hidden) seen.push(banner.textContent);
    const trouble = document.querySelectorAll(".message__trouble");
    seen.push(...[...trouble].map(({ textContent }) => textContent));
  };
  const everything = { subtree: true, childList: true, attributes: true };
  new MutationObserver(look).observe(document.body, everything);
}"""
"""Notes every word of trouble that the page shows, however short."""

FULL = """IDBObjectStore.prototype.put = () => {
  throw new DOMException("full", "QuotaExceededError");
};"""
BLOCKED = "IDBFactory.prototype.open = () => ({});"
LONG = """(room) => new Promise((resolve, reject) => {
  const user = JSON.parse(document.getElementById("page-data").textContent).user.id;
  const opening = indexedDB.open("beseda", 1);
  opening.onsuccess = () => {
    const text = "long ".repeat(900);
    const entry = { user, cid: "toolong", room, text, at: 1, order: 1, state: "sending" };
    const writing = opening.result.transaction("outbox", "readwrite");
    writing.objectStore("outbox").put(entry);
    writing.oncomplete = resolve;
    writing.onabort = reject;
  };
})"""
"""What an older page, which allowed longer texts, may have left."""


async def _seen(window: Window) -> list[str]:
    seen: list[str] = await window.page.evaluate("seen")
    return seen


@pytest.mark.fault(3)
async def test_a_replica_that_stops_is_left_without_a_gap_or_a_word(
    make_town: MakeTown, open_window: OpenWindow
) -> None:
    async with make_town() as town:
        alice = await open_window("alice", of=town, wired=True)
        bob = await open_window("bob", of=town, replica=1)
        room = await alice.create_room("Ferry")
        await alice.enter(room)
        await bob.enter(room)
        await alice.page.evaluate(WATCH)
        alice.wire.lead_to(town.replicas[1].port)
        town.replicas[0].term()
        texts = []
        for number in range(20):
            texts.append(f"message {number}")
            await alice.say(texts[-1])
            if number % 5 == 0:
                texts.append(f"answer {number}")
                await bob.shows(*texts[:-1])
                await bob.say(texts[-1])
                await alice.shows(*texts)
        await wait_until(
            lambda: len(alice.sockets) == 2 and len(alice.open_sockets) == 1, 10, "it moved"
        )
        await alice.say("on the other side")
        await alice.is_saved("on the other side")
        await bob.shows(*texts, "on the other side")
        assert await _seen(alice) == []
        assert await saved_texts(town, room) == [*texts, "on the other side"]
        # The people of the room saw nobody go.
        await expect(bob.here.filter(has_text=alice.name)).to_have_count(1)


@pytest.mark.fault(4)
async def test_a_replica_that_freezes_is_left_within_seconds_of_saying_something(
    make_town: MakeTown, open_window: OpenWindow, figure: Figure
) -> None:
    async with make_town() as town:
        alice = await open_window("alice", of=town, wired=True)
        bob = await open_window("bob", of=town, replica=1)
        room = await alice.create_room("Glacier")
        await alice.enter(room)
        await bob.enter(room)
        await bob.say("before")
        await alice.shows("before")
        town.replicas[0].stop()
        alice.wire.lead_to(town.replicas[1].port)
        began = time.monotonic()
        await alice.say("hello?")
        await bob.shows("before", "hello?", timeout=20)
        figure("a frozen replica is left after saying something", time.monotonic() - began, "s")
        await alice.is_saved("hello?")
        town.replicas[0].cont()
        await bob.say("yes")
        await alice.shows("before", "hello?", "yes")
        await bob.is_saved("yes")
        assert await saved_texts(town, room) == ["before", "hello?", "yes"]


@pytest.mark.fault(9)
async def test_a_redis_that_lost_everything_costs_the_page_nothing(
    make_town: MakeTown, open_window: OpenWindow, redis_url: str
) -> None:
    async with make_town() as town:
        alice = await open_window("alice", of=town)
        bob = await open_window("bob", of=town, replica=1)
        room = await alice.create_room("Amnesia")
        await alice.enter(room)
        await bob.enter(room)
        await alice.say("one", "two")
        await bob.say("three")
        await alice.is_saved("two")
        await bob.is_saved("three")
        town.writers[0].stop()
        await alice.say("sent, not saved")
        await expect(alice.state("sent, not saved")).to_have_attribute("data-state", "sent")
        async with Redis.from_url(redis_url) as redis:
            await redis.flushall()
        town.writers[0].cont()
        await bob.say("after")
        for text, window in (("sent, not saved", alice), ("after", bob)):
            await window.is_saved(text)
        words = await saved_texts(town, room)
        assert sorted(words) == ["after", "one", "sent, not saved", "three", "two"]
        for window in (alice, bob):
            await window.shows(*words)


async def test_a_dead_line_is_noticed_when_the_reader_looks(
    open_window: OpenWindow, figure: Figure
) -> None:
    alice = await open_window("alice", wired=True)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Cellar")
    await alice.enter(room)
    await bob.enter(room)
    alice.wire.swallow()
    await bob.say("anybody?")
    began = time.monotonic()
    await alice.page.evaluate("document.dispatchEvent(new Event('visibilitychange')) && undefined")
    await alice.shows("anybody?")
    figure("a dead line is left after the reader looks", time.monotonic() - began, "s")
    await alice.say("here")
    await bob.shows("anybody?", "here")


async def test_a_hiccup_of_the_network_is_not_worth_a_word(open_window: OpenWindow) -> None:
    alice = await open_window("alice", wired=True)
    alice.expects("WebSocket connection to .* failed", "net::ERR_")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Hiccup")
    await alice.enter(room)
    await bob.enter(room)
    await alice.page.evaluate(WATCH)
    alice.wire.cut()
    await alice.say("in the middle of it")
    alice.wire.mend()
    await alice.is_saved("in the middle of it")
    await bob.shows("in the middle of it")
    assert await _seen(alice) == []


async def test_the_line_says_when_saving_takes_long(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice")
    await alice.page.clock.install()
    room = await alice.create_room("Lighthouse")
    await alice.enter(room)
    system.writers[0].stop()
    try:
        await alice.say("hello")
        await expect(alice.state("hello")).to_have_attribute("data-state", "sent")
        await expect(alice.banner).to_be_hidden()
        await alice.page.clock.fast_forward(10_000)
        await expect(alice.banner).to_contain_text("longer than usual")
    finally:
        system.writers[0].cont()
    await alice.is_saved("hello")
    await expect(alice.banner).to_be_hidden()


async def test_the_line_says_when_the_server_is_away(
    make_town: MakeTown, open_window: OpenWindow
) -> None:
    async with make_town(replicas=1) as town:
        alice = await open_window("alice", of=town)
        alice.expects("WebSocket connection to .* failed", "net::ERR_CONNECTION_RE")
        await alice.page.clock.install()
        room = await alice.create_room("Beacon")
        await alice.enter(room)
        town.replicas[0].kill()
        await expect(alice.banner).to_contain_text("Connecting…")
        await alice.say("is anybody there?")
        await alice.page.clock.fast_forward(10_000)
        await expect(alice.banner).to_contain_text("The server does not answer.")
        await expect(alice.banner).to_contain_text("1 message is waiting.")
        await town.replicas[0].start()
        await alice.banner.get_by_role("button", name="Try now").click()
        await alice.is_saved("is anybody there?")
        await expect(alice.banner).to_be_hidden()


async def test_a_burst_over_the_rate_goes_out_in_order_and_without_alarm(
    make_town: MakeTown, open_window: OpenWindow
) -> None:
    async with make_town(replicas=1, send_rate=10, send_burst=5) as town:
        alice = await open_window("alice", of=town)
        room = await alice.create_room("Rapids")
        await alice.enter(room)
        await alice.page.evaluate(WATCH)
        texts = [f"line {number}" for number in range(20)]
        await alice.say(*texts)
        await alice.is_saved(texts[-1])
        await alice.shows(*texts)
        assert await saved_texts(town, room) == texts
        assert await _seen(alice) == []


@pytest.mark.complaint(11)
async def test_a_message_that_is_refused_for_good_says_why_and_can_be_taken_back(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Editor")
    await alice.enter(room)
    await alice.page.evaluate(LONG, room)
    await alice.page.reload()
    await alice.is_live()
    failed = alice.find(".message--failed")
    await expect(failed).to_contain_text("Not sent. The text is too long.")
    retry = failed.get_by_role("button", name="Send again")
    await retry.focus()
    await alice.page.keyboard.press("Enter")
    await expect(alice.writing).to_be_focused()
    await expect(failed).to_contain_text("Not sent.")
    await failed.get_by_role("button", name="Discard").click()
    await expect(failed).to_have_count(0)
    undo = alice.find("#undo")
    await expect(undo).to_contain_text("The message is discarded.")
    await undo.get_by_role("button", name="Undo").click()
    await expect(failed).to_contain_text("Not sent.")
    await expect(undo).to_be_hidden()
    await failed.get_by_role("button", name="Discard").click()
    await expect(failed).to_have_count(0)
    await alice.page.reload()
    await alice.is_live()
    await expect(alice.texts).to_have_count(0)


async def test_what_one_person_left_unsent_is_never_sent_by_the_next_at_the_same_browser(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", wired=True)
    bob = await system.register("bobatthesamedesk")
    room = await alice.create_room("Internet cafe")
    await alice.enter(room)
    await alice.go_offline()
    await alice.say("for my eyes")
    await expect(alice.state("for my eyes")).to_have_attribute("data-state", "sending")
    person = alice.person
    assert person is not None
    await alice.page.close()
    await alice.come_back()
    name = alice.name
    await alice.log_in(bob, "Bobatthesamedesk")
    await alice.new_tab(f"/chatrooms/chat/{room}")
    await alice.is_live()
    await alice.say("who was here before?")
    await alice.is_saved("who was here before?")
    await alice.shows("who was here before?")
    await alice.log_in(person, name)
    await alice.new_tab(f"/chatrooms/chat/{room}")
    await alice.is_saved("for my eyes")
    assert await saved_texts(system, room) == ["who was here before?", "for my eyes"]


@pytest.mark.parametrize("trouble", [FULL, BLOCKED], ids=["full", "blocked"])
async def test_a_browser_that_keeps_nothing_says_so_and_sends_all_the_same(
    open_window: OpenWindow, trouble: str
) -> None:
    alice = await open_window("alice", wired=True)
    await alice.context.add_init_script(trouble)
    room = await alice.create_room("Full house")
    await alice.enter(room)
    await alice.go_offline()
    await alice.say("kept in memory")
    await expect(alice.banner).to_contain_text("leave the page open")
    await alice.come_back()
    await alice.is_saved("kept in memory")
    await expect(alice.banner).to_be_hidden()


async def test_a_day_offline_ends_with_every_message_once(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", wired=True)
    bob = await open_window("bob", replica=1)
    await alice.page.clock.install()
    room = await alice.create_room("Expedition")
    await alice.enter(room)
    await bob.enter(room)
    alice.lose_answers()
    await alice.say("we are leaving")
    await bob.shows("we are leaving")
    await alice.go_offline()
    await alice.say("day one", "day two")
    await bob.say("good luck")
    await alice.page.clock.fast_forward(86_400_000)
    await alice.come_back()
    await alice.page.clock.resume()
    everything = ["we are leaving", "good luck", "day one", "day two"]
    await alice.shows(*everything)
    await alice.is_saved("day two")
    await bob.shows(*everything)
    assert await saved_texts(system, room) == everything
