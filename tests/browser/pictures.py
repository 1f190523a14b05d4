"""Makes the pictures of the documents: ``python -m tests.browser.pictures``.

A whole Beseda of its own, people who talk in a room, and screens of it in docs/img/.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.async_api import Browser, FilePayload, async_playwright, expect

from server.domain.ids import new_id
from server.local.postgres import Postgres
from server.local.valkey import Valkey
from server.storage.migrate import migrate
from tests.browser.conftest import FLAGS
from tests.browser.window import Window
from tests.scenarios.person import Person
from tests.scenarios.system import System

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "img"
DESK = {"width": 1440, "height": 900}
ADMIN = "alice@example.org"
PHONE = {"width": 390, "height": 780}

NAMES = {"alice": "Alice Moreau", "boris": "Борис Левин", "carol": "Carol Whitby"}
ELSEWHERE = {
    "Кухня": [("boris", "Кто допил кофе, тот и мелет новый")],
    "Book club": [("carol", "Chapter nine by Thursday?"), ("carol", "I will bring biscuits")],
    "Watch rota": [("carol", "I take the night from two to four")],
    "Announcements": [("carol", "The new mooring is paid until May")],
}
PLAN = """Good. Then the plan is:
1. meet **at the pier** at 8:30
2. out with the tide at nine
3. soup at the island, back before dark"""
SOUP = """```python
def soup(people: int) -> str:
    return f"{people * 2} potatoes"  # and salt
```"""
TALK = [
    ("alice", "Good morning! The forecast is south-west 4, so Saturday it is."),
    ("boris", "Доброе утро! Отлично. Я за."),
    ("boris", "Who brings the charts? Mine are still wet from last time."),
    ("alice", "I do. And I have marked the shallow part: https://charts.example.org/?zoom=12"),
    ("boris", PLAN),
    ("alice", "Perfect. @Борис, кто варит суп?"),
    ("boris", "Суп варю я, по *проверенному* рецепту:"),
    ("boris", SOUP),
    ("alice", "There is no network behind the cape. What I write there goes out when we are back."),
    ("boris", "Like last time: all of it arrived, in order, and once."),
]


async def _say(person: Person, room: str, text: str) -> None:
    path = f"/api/v1/rooms/{room}/messages"
    answer = await person.post(path, json={"cid": new_id(), "text": text})
    assert answer.status == 200, answer.text


async def _furnish(system: System) -> tuple[dict[str, Person], str]:
    people = {}
    for key, name in NAMES.items():
        people[key] = await system.register(key)
        await people[key].request("PATCH", "/api/v1/me", json={"name": name})
    alice = people["alice"]
    for name, talk in ELSEWHERE.items():
        room = await alice.create_room(name)
        for author, text in talk:
            await _say(people[author], room, text)
    return people, await alice.create_room("Saturday sailing")


async def _open(browser: Browser, system: System, person: Person, **options: object) -> Window:
    context = await browser.new_context(locale="en-GB", **options)  # type: ignore[arg-type]
    window = Window(context, system.replicas[0].url)
    await window.log_in(person, NAMES[person.name])
    window.page = await context.new_page()
    return window


def _harbour() -> bytes:
    """Return a picture of the sea, as a camera would give it."""
    sea = Image.new("RGB", (960, 540), "#8fc6e8")
    pen = ImageDraw.Draw(sea)
    pen.ellipse((700, 70, 810, 180), fill="#ffe08a")
    pen.rectangle((0, 330, 960, 540), fill="#2f6f9f")
    pen.polygon([(380, 340), (380, 120), (520, 330)], fill="#ffffff")
    pen.polygon([(300, 345), (560, 345), (510, 400), (340, 400)], fill="#8c4a2f")
    out = BytesIO()
    sea.save(out, "JPEG")
    return out.getvalue()


async def _talk(windows: dict[str, Window]) -> None:
    alice = windows["alice"]
    for count, (author, text) in enumerate(TALK, 1):
        await windows[author].writing.fill(text)
        await windows[author].find(".composer__send").click()
        for window in windows.values():
            await expect(window.texts).to_have_count(count)
    picture: FilePayload = {
        "name": "harbour.jpg",
        "mimeType": "image/jpeg",
        "buffer": _harbour(),
    }
    await alice.find('.composer input[type="file"]').set_input_files(picture)
    await alice.writing.fill("The harbour as we left it.")
    await alice.find(".composer__send").click()
    for window in windows.values():
        await expect(window.texts).to_have_count(len(TALK) + 1)
    signs = alice.find('.message__state:not([data-state="saved"])')
    await expect(signs).to_have_count(0)


async def _draw(browser: Browser, system: System, folder: Path) -> None:
    people, room = await _furnish(system)
    alice = await _open(browser, system, people["alice"], viewport=DESK, color_scheme="light")
    boris = await _open(
        browser,
        system,
        people["boris"],
        viewport=PHONE,
        color_scheme="dark",
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
    )
    windows = {"alice": alice, "boris": boris}
    for window in windows.values():
        await window.enter(room)
    await _talk(windows)
    await boris.writing.blur()
    await boris.page.screenshot(path=folder / "room-dark-phone.png")
    await boris.writing.press_sequentially("See you on Saturday, then", delay=150)
    await expect(alice.find(".typing")).not_to_have_text("")
    await alice.page.screenshot(path=folder / "room.png")
    for path, name in {"/search?q=soup": "search", "/admin/": "admin"}.items():
        await alice.page.goto(alice.home + path)
        await alice.page.screenshot(path=folder / f"{name}.png")
    for window in windows.values():
        assert not window.unexpected, window.unexpected
        await window.context.close()


async def main() -> None:
    """Start everything in a temporary folder and draw."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="beseda-pictures-"))
    home.chmod(0o711)
    valkey, postgres = Valkey(home / "valkey"), Postgres(home / "postgres")
    try:
        valkey.start()
        postgres.start()
        await migrate(postgres.url)
        async with (
            System(
                valkey.url, postgres.url, home / "system", admin_emails="alice@example.org"
            ) as system,
            async_playwright() as playwright,
            await playwright.chromium.launch(executable_path=chromium, args=FLAGS) as browser,
        ):
            await _draw(browser, system, FOLDER)
    finally:
        postgres.stop()
        valkey.stop()
        shutil.rmtree(home)


if __name__ == "__main__":
    asyncio.run(main())
