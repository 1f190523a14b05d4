"""A page without a network: what it shows, to whom, and of which version."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import MakeTown, OpenWindow
from tests.browser.window import Window
from tests.scenarios.service import ROOT
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEPT = """async ([path, version]) => {
  for (;;) {
    for (const name of await caches.keys()) {
      const page = name.startsWith("pages ") && await (await caches.open(name)).match(path);
      if (page && page.headers.get("X-Page-Version") === version) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""
PAGES = "async () => (await caches.keys()).filter((name) => name.startsWith('pages '))"
VERSION = "document.querySelector('script[src]').src.split('/')[4]"
COLOUR = "getComputedStyle(document.querySelector('.bar')).outlineColor"
TRACE = "document.documentElement.dataset.trace"


async def _is_kept(window: Window, path: str) -> None:
    version = await window.page.evaluate(VERSION)
    async with asyncio.timeout(30):
        await window.page.evaluate(KEPT, [path, version])


async def _visit(window: Window, room: str) -> None:
    await window.enter(room)
    await _is_kept(window, f"/chatrooms/chat/{room}")


@pytest.mark.parametrize("size", [(1280, 800), (360, 640)], ids=["desktop", "phone"])
async def test_a_room_opens_without_a_network_and_takes_messages(
    open_window: OpenWindow, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    alice = await open_window("alice", wired=True, viewport=viewport)
    room = await alice.create_room(f"Lighthouse {size[0]}")
    await _visit(alice, room)
    await alice.say("before the storm")
    await alice.is_saved("before the storm")
    await alice.page.reload()
    await alice.is_live()
    await alice.open("/chatrooms/")
    await _is_kept(alice, "/chatrooms/")
    await alice.go_offline()

    await alice.open("/chatrooms/")
    await expect(alice.find(".rooms .banner")).to_contain_text("You are offline. This list is from")
    await alice.room_row(f"Lighthouse {size[0]}").click()
    await alice.shows("before the storm")
    await expect(alice.banner).to_contain_text("You are offline. These messages are from today")
    await alice.say("from the tower")
    await expect(alice.state("from the tower")).to_have_attribute("data-state", "sending")
    await alice.page.reload()
    await alice.shows("before the storm", "from the tower")
    await alice.open("/profile/")
    await expect(alice.find("h1")).to_have_text("You are offline")

    await alice.come_back()
    await alice.open(f"/chatrooms/chat/{room}")
    await alice.is_saved("from the tower")
    await alice.shows("before the storm", "from the tower")
    await expect(alice.banner).to_be_hidden()


async def test_a_kept_page_goes_on_when_the_network_is_back(open_window: OpenWindow) -> None:
    alice = await open_window("alice", wired=True)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Ferry")
    await _visit(alice, room)
    await bob.enter(room)
    await alice.go_offline()
    await alice.page.reload()
    await expect(alice.banner).to_contain_text("These messages are from")
    await bob.say("meanwhile")
    await alice.come_back()
    await alice.shows("meanwhile")
    await expect(alice.banner).to_be_hidden()


async def test_nobody_after_a_log_out_sees_what_was_kept(open_window: OpenWindow) -> None:
    alice = await open_window("alice", wired=True)
    room = await alice.create_room("Diary")
    await _visit(alice, room)
    await alice.find(".account__button").click()
    await alice.find('form[action="/logout/"] button').click()
    await expect(alice.find("h1")).to_have_text("Log in")
    assert await alice.page.evaluate(PAGES) == []
    await alice.go_offline()
    await alice.open(f"/chatrooms/chat/{room}")
    await expect(alice.find("h1")).to_have_text("You are offline")


async def test_another_person_in_the_same_browser_sees_nothing_of_the_first(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", wired=True)
    room = await alice.create_room("Letters")
    await _visit(alice, room)
    mallory = await system.register("mallory")
    # Past every page: the cookie changes, as after a log-in that the worker did not see.
    await alice.log_in(mallory, "Mallory")
    await alice.open("/chatrooms/")
    await _is_kept(alice, "/chatrooms/")
    assert len(await alice.page.evaluate(PAGES)) == 1
    await alice.go_offline()
    await alice.open(f"/chatrooms/chat/{room}")
    await expect(alice.find("h1")).to_have_text("You are offline")


async def test_files_of_two_versions_never_meet_on_a_page(
    make_town: MakeTown, open_window: OpenWindow, tmp_path: Path
) -> None:
    newer = tmp_path / "web"
    shutil.copytree(ROOT / "web", newer)
    with (newer / "static" / "css" / "controls.css").open("a") as sheet:
        sheet.write("\n.bar { outline-color: rgb(1, 2, 3); }\n")
    with (newer / "static" / "js" / "controllers" / "page.js").open("a") as script:
        script.write('\ndocument.documentElement.dataset.trace = "newer";\n')
    async with make_town(replica_settings={1: {"web_root": newer}}) as town:
        alice = await open_window("alice", of=town, wired=True)
        room = await alice.create_room("Shipyard")

        async def look(*, is_newer: bool) -> None:
            styled = await alice.page.evaluate(COLOUR) == "rgb(1, 2, 3)"
            scripted = await alice.page.evaluate(TRACE) == "newer"
            assert (styled, scripted) == (is_newer, is_newer)

        await _visit(alice, room)
        await look(is_newer=False)
        # After the deployment, but before the worker knows of it: the kept page has its own files.
        alice.wire.lead_to(town.replicas[1].port)
        await alice.go_offline()
        await alice.page.reload()
        await alice.page.wait_for_selector(".banner:not([hidden])")
        await look(is_newer=False)
        await alice.come_back()
        await alice.enter(room)
        await look(is_newer=True)

        await _is_kept(alice, f"/chatrooms/chat/{room}")
        await alice.go_offline()
        await alice.page.reload()
        await alice.page.wait_for_selector(".banner:not([hidden])")
        await look(is_newer=True)
        await expect(alice.banner).to_contain_text("These messages are from")
