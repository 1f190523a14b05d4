"""Notices: where they are asked for, and what a push message shows."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from playwright.async_api import CDPSession, expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOWN = """async () => (await registration.getNotifications()).map(
  ({ title, body, tag }) => [title, body, tag])"""
TOLD = "(said) => notify(said)"
COUNT = """async (count) => {
  while ((await registration.getNotifications()).length !== count)
    await new Promise((resolve) => setTimeout(resolve, 50));
}"""


async def _push(session: CDPSession, window: Window, registration: str, said: Any) -> None:
    await session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": window.home, "registrationId": registration, "data": json.dumps(said)},
    )


@pytest.mark.parametrize("size", [(1280, 800), (360, 640)], ids=["desktop", "phone"])
async def test_notices_are_turned_on_and_quiet_hours_set(
    open_window: OpenWindow, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    alice = await open_window(
        "alice", viewport=viewport, permissions=["notifications"], timezone_id="Asia/Tokyo"
    )
    await alice.open("/profile/")
    await alice.page.get_by_role("link", name="Devices and quiet hours").click()
    await expect(alice.find("#zone")).to_have_value("Asia/Tokyo")
    state = alice.find("[data-state]")
    await expect(state).to_have_text("Notifications are off.")
    await alice.page.get_by_role("button", name="Turn on notifications on this device").click()
    await expect(state).to_have_text("Notifications are on while a tab of the chat is open.")
    await alice.page.reload()
    await expect(state).to_have_text("Notifications are on while a tab of the chat is open.")
    off = alice.page.get_by_role("button", name="Turn off notifications on this device")
    await off.press("Enter")
    await expect(state).to_have_text("Notifications are off.")
    await expect(
        alice.page.get_by_role("button", name="Turn on notifications on this device")
    ).to_be_focused()

    await alice.page.get_by_label("From", exact=True).fill("22:30")
    await alice.page.get_by_label("Until", exact=True).fill("07:00")
    await alice.page.get_by_label("Hear nothing").select_option("60")
    await alice.page.get_by_role("button", name="Save").click()
    await expect(alice.find(".notice")).to_have_text("Saved.")
    await expect(alice.find("#pause-hint")).to_contain_text("Paused until")
    width = await alice.page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]


async def test_the_level_of_a_room_is_chosen_from_the_room(open_window: OpenWindow) -> None:
    alice = await open_window("alice", viewport={"width": 1280, "height": 800})
    room = await alice.create_room("Library")
    await alice.enter(room)
    await alice.page.get_by_role("link", name="Notifications of this room").click()
    await expect(alice.page.get_by_label("Messages that mention you")).to_be_checked()
    await alice.page.get_by_label("All messages").check()
    await alice.page.get_by_role("button", name="Save").click()
    await alice.is_live()


@pytest.mark.complaint(12)
async def test_a_push_message_is_shown_once_and_only_while_nobody_looks(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice", permissions=["notifications"])
    room = await alice.create_room("Harbour")
    session = await alice.context.new_cdp_session(alice.page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(each["registrationId"] for each in event["registrations"]),
    )
    await session.send("ServiceWorker.enable")
    await alice.enter(room)
    await alice.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    (worker,) = alice.context.service_workers
    said = {"room": room, "cid": "c1", "title": "Harbour", "body": "Bob: @alice, a ship!"}
    # Somebody looks.
    assert not await worker.evaluate(TOLD, said)

    await alice.page.goto("about:blank")
    async with asyncio.timeout(30):
        await _push(session, alice, found[0], said)
        await worker.evaluate(COUNT, 1)
        assert await worker.evaluate(SHOWN) == [["Harbour", "Bob: @alice, a ship!", room]]
        # An open tab heard of the same message.
        assert not await worker.evaluate(TOLD, said)
        assert await worker.evaluate(TOLD, said | {"cid": "c2"})
        # Who reads the room needs its notice no more.
        await alice.enter(room)
        await worker.evaluate(COUNT, 0)
