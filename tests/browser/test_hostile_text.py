"""Texts that want to be markup are shown as they were typed."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "</title><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '<a href="javascript:alert(1)">x</a>',
    "{{ 7 * 7 }} ${7*7} #{7*7} <%= 7*7 %>",
    "<!--><img src=x onerror=alert(1)>-->",
    "' onmouseover='alert(1)' x='",
    "<style>body{display:none}</style>",
    "&lt;b&gt;not bold&lt;/b&gt; &amp; &#x3C;",
    "<math><mtext></mtext><mglyph><svg><p id=messages>",
]
NAMES = [text for text in HOSTILE if len(text) <= 40]

FOREIGN = """() => [...document.querySelectorAll(
  "#messages :is(script, img, svg, iframe, style, math, b:not(.message__name), a:not([href^=http]))"
)].map((element) => element.outerHTML)"""


async def _is_clean(window: Window) -> None:
    assert await window.page.evaluate(FOREIGN) == []


async def test_hostile_messages_are_text_live_and_after_a_reload(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    mallory = await open_window("mallory", replica=1)
    room = await alice.create_room("Theatre")
    await alice.enter(room)
    await mallory.enter(room)
    await mallory.say(*HOSTILE)
    for window in (alice, mallory):
        await expect(window.texts).to_have_count(len(HOSTILE))
        assert await window.texts.all_inner_texts() == HOSTILE
        await _is_clean(window)
    await mallory.is_saved(HOSTILE[0])
    for window in (alice, mallory):
        await window.page.reload()
        await window.is_live()
        assert await window.texts.all_inner_texts() == HOSTILE
        await _is_clean(window)


async def test_links_are_made_of_web_addresses_only(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Post office")
    await alice.enter(room)
    await alice.say(
        "javascript:alert(1) data:text/html,<script>alert(1)</script> vbscript:x",
        "see https://example.org/a?b=1&c=<d>.",
    )
    links = alice.texts.locator("a")
    await expect(links).to_have_text(["https://example.org/a?b=1&c="])
    await expect(links).to_have_attribute("rel", "noopener noreferrer nofollow")


@pytest.mark.parametrize("name", NAMES)
async def test_a_hostile_name_is_text_wherever_it_stands(
    open_window: OpenWindow, name: str
) -> None:
    mallory = await open_window("mallory", shown=name)
    room = await mallory.create_room(name)
    await mallory.enter(room)
    await mallory.say("curtain up")
    await mallory.is_saved("curtain up")
    await expect(mallory.find(".room__name")).to_have_text(name)
    await expect(mallory.find(".account__name")).to_have_text(name)
    await expect(mallory.find(".message__name")).to_have_text(name)
    await expect(mallory.here.locator(".person__name")).to_have_text(name)
    row = mallory.find(f'.room-item[data-room="{room}"]')
    await expect(row.locator(".room-item__name")).to_have_text(name)
    await expect(row.locator(".room-item__last")).to_have_text(f"{name}: curtain up")
    assert await mallory.page.title() == f"{name} · Beseda"
    await mallory.find("#search").fill(name)
    await expect(mallory.find("#room-list > .room-item")).not_to_have_count(0)
    await expect(row.locator(".room-item__name")).to_have_text(name)
    await row.locator("summary[data-deletes]").click()
    await expect(mallory.find("#delete-title")).to_have_text(f"Delete “{name}”?")


async def test_a_hostile_search_is_text_when_nothing_is_found(open_window: OpenWindow) -> None:
    mallory = await open_window("mallory")
    await mallory.open("/chatrooms/")
    for wanted in HOSTILE:
        await mallory.find("#search").fill(f"no {wanted}")
        empty = mallory.find("#rooms-empty")
        await expect(empty).to_contain_text(f"No room is called “no {wanted}”.")
        await expect(empty.locator("input[name=name]")).to_have_value(f"no {wanted}")
        await mallory.page.reload()
        await expect(empty).to_contain_text(f"No room is called “no {wanted}”.")
        await expect(mallory.find("#search")).to_have_value(f"no {wanted}")
