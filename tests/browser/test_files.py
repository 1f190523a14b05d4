"""Files: picked, pasted or dropped, sent up while one writes, shown to the others."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import FilePayload, Route, expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZES = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 640}}
UPLOADS = "**/api/v1/rooms/*/files?*"
GIVE = """([how, name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], name, { type }));
  const rest = { bubbles: true, cancelable: true };
  const text = document.getElementById("text");
  const dropped = new DragEvent("drop", { ...rest, dataTransfer: given });
  const pasted = new ClipboardEvent("paste", { ...rest, clipboardData: given });
  text.dispatchEvent(how === "paste" ? pasted : dropped);
}"""


def picture(width: int = 1600, height: int = 900) -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, "JPEG")
    return file.getvalue()


async def pick(window: Window, *files: tuple[str, bytes]) -> None:
    async with window.page.expect_file_chooser() as opening:
        await window.find("#attach").click()
    chosen: list[FilePayload] = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
        for name, data in files
    ]
    await (await opening.value).set_files(chosen)


async def give(window: Window, how: str, name: str, data: bytes) -> None:
    """Paste a file into the field, or drop it there."""
    await window.page.evaluate(GIVE, [how, name, "image/jpeg", b64encode(data).decode()])


async def _delete(window: Window, text: str) -> None:
    await window.message(text).locator(".message__text").hover()
    await window.find('[data-act="delete"]').click()
    await window.find("#delete-message").get_by_text("Delete the message").click()


def attached(window: Window, state: str = "") -> Any:
    return window.find("#attached > li" + (f'[data-state="{state}"]' if state else ""))


@pytest.mark.parametrize("size", SIZES)
async def test_files_go_with_a_message_and_are_seen_by_the_others(
    open_window: OpenWindow, size: str
) -> None:
    alice = await open_window("alice", viewport=SIZES[size])
    bob = await open_window("bob", replica=1, viewport=SIZES[size])
    room = await alice.create_room("Kitchen")
    for window in (alice, bob):
        await window.enter(room)
    await pick(alice, ("boat.jpg", picture()), ("Список дел.txt", b"tea\n"))
    await expect(attached(alice, "ready")).to_have_count(2)
    await give(alice, "paste", "pasted.jpg", picture(300, 900))
    await give(alice, "drop", "dropped.jpg", picture(40, 30))
    await expect(attached(alice, "ready")).to_have_count(4)
    await alice.find("#attached li").nth(3).get_by_role("button").click()
    await expect(attached(alice)).to_have_count(3)
    await alice.say("Look")
    await expect(attached(alice)).to_have_count(0)
    await alice.is_saved("Look")
    await pick(alice, ("alone.jpg", picture(64, 64)))
    await expect(attached(alice, "ready")).to_have_count(1)
    await alice.writing.press("Enter")
    for window in (alice, bob):
        for _ in ("live", "from the server"):
            message = window.message("Look")
            await expect(message.locator("img")).to_have_count(2)
            image = message.get_by_role("img", name="boat.jpg")
            await expect(image).to_have_js_property("naturalWidth", 720)
            shown = await image.bounding_box()
            assert shown is not None
            assert abs(shown["width"] / shown["height"] - 16 / 9) < 0.02
            await expect(message.locator(".file__name")).to_have_text("Список дел.txt")
            await expect(message.locator(".file__size")).to_have_text("4 byte")
            await expect(window.find('#messages img[alt="alone.jpg"]')).to_have_count(1)
            wide = "document.documentElement.scrollWidth - innerWidth"
            assert await window.page.evaluate(wide) <= 0
            await window.page.reload()
            await window.is_live()
    async with bob.context.expect_page() as opening:
        await bob.message("Look").get_by_role("link", name="boat.jpg").click()
    opened = await opening.value
    assert await opened.locator("img").evaluate("image => image.naturalWidth") == 1600
    await opened.close()
    await _delete(alice, "Look")
    for window in (alice, bob):
        await expect(window.find(".message--deleted")).to_have_count(1)
        await expect(window.find(".message--deleted .files")).to_be_hidden()


async def test_a_file_on_its_way_can_be_taken_back_and_one_that_failed_tried_again(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Kitchen")
    await alice.enter(room)
    go_on = asyncio.Event()
    fails = True

    async def hold(route: Route) -> None:
        if fails:
            await route.abort()
            return
        await go_on.wait()
        await route.continue_()

    await alice.page.route(UPLOADS, hold)
    alice.expects(r"net::ERR_")
    await pick(alice, ("boat.jpg", picture()))
    failed = attached(alice, "failed")
    await expect(failed).to_contain_text("Files need a connection. Your text is kept.")
    await alice.writing.fill("Look")
    await alice.writing.press("Enter")
    await expect(alice.find("#note")).to_contain_text("A file was not uploaded")
    await expect(alice.writing).to_have_value("Look")
    fails = False
    await failed.get_by_role("button", name="Try again").click()
    await expect(alice.writing).to_be_focused()
    await expect(attached(alice, "uploading").get_by_role("progressbar")).to_have_count(1)
    await pick(alice, ("second.jpg", picture()))
    await expect(attached(alice, "uploading")).to_have_count(2)
    await alice.find("#attached").get_by_role("button", name="Remove second.jpg").click()
    await expect(attached(alice)).to_have_count(1)
    await expect(alice.writing).to_be_focused()
    await alice.writing.press("Enter")
    await expect(alice.find("#note")).to_contain_text("as soon as its files are uploaded")
    await expect(alice.texts).to_have_count(0)
    go_on.set()
    await alice.is_saved("Look")
    await expect(alice.message("Look").locator("img")).to_have_count(1)
    await expect(attached(alice)).to_have_count(0)
    await expect(alice.find("#note")).to_be_hidden()
    await alice.page.unroute(UPLOADS)


async def test_a_file_that_waits_is_there_again_after_a_reload(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Kitchen")
    await alice.enter(room)
    await pick(alice, ("boat.jpg", picture()), ("list.txt", b"tea\n"))
    await expect(attached(alice, "ready")).to_have_count(2)
    await alice.page.reload()
    await expect(attached(alice, "ready")).to_have_count(2)
    await expect(attached(alice).locator(".attached__image")).to_have_count(1)
    await attached(alice).filter(has_text="list.txt").get_by_role("button").click()
    await alice.page.reload()
    await expect(attached(alice, "ready")).to_have_count(1)
    await alice.find("#text").fill("from before")
    await alice.find("#text").press("Enter")
    await expect(alice.message("from before").locator("img")).to_have_count(1)
    await alice.page.reload()
    await expect(alice.message("from before").locator("img")).to_have_count(1)
    await expect(attached(alice)).to_have_count(0)


async def test_what_is_refused_says_why_beside_the_file(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    await alice.person_language("ru")
    room = await alice.create_room("Kitchen")
    await alice.enter(room)
    alice.expects("400", "Failed to load resource")
    await pick(alice, ("broken.png", b"\x89PNG\r\n\x1a\n but no more"), ("empty.txt", b""))
    broken, empty = attached(alice).nth(0), attached(alice).nth(1)
    await expect(broken).to_contain_text("Картинка повреждена, её не прочитать.")
    await expect(empty).to_contain_text("Файл пустой.")
    for name in ("broken.png", "empty.txt"):
        await alice.find("#attached").get_by_role("button", name=f"Убрать {name}").click()
    await pick(alice, *((f"{number}.txt", b"tea") for number in range(12)))
    await expect(attached(alice, "ready")).to_have_count(10)
    await expect(alice.find("#note")).to_have_text("В сообщении может быть 10 файлов.")


async def test_a_page_without_scripts_sends_a_picture_by_a_form(open_window: OpenWindow) -> None:
    alice = await open_window("alice", java_script_enabled=False, viewport=SIZES["phone"])
    alice.expects(r"\.js csp$")  # the modules that the page would preload
    room = await alice.create_room("Kitchen")
    await alice.open(f"/chatrooms/chat/{room}")
    boat: FilePayload = {"name": "boat.jpg", "mimeType": "image/jpeg", "buffer": picture()}
    await alice.page.get_by_label("File", exact=True).set_input_files(boat)
    await alice.page.get_by_role("button", name="Send the file").click()
    await expect(alice.find('#messages img[alt="boat.jpg"]')).to_be_visible()
    assert alice.page.url.endswith("#end")
