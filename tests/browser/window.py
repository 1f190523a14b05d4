"""One person's browser: a context of its own, watched for everything that must not happen."""

from __future__ import annotations

import copy
import re
from typing import Any

from playwright.async_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    WebSocket,
    expect,
)

from tests.browser.wire import Wire
from tests.scenarios.person import Person

WAIT_MS = 10_000
"""For what has no promised time, on a busy machine."""

expect.set_options(timeout=WAIT_MS)

_CUT = (r"net::ERR_", r"WebSocket connection to .* failed")
"""What Chromium writes into its console when there is no network."""

_REFUSED = 400
_CALLED_OFF = "net::ERR_ABORTED"
"""What a page stops loading by itself: a search that was typed on, a page that was left."""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


class Window:
    """A browser window of one person, at one replica.

    Attributes:
        page: the open tab.
        name: what others call this person.
        complaints: errors of scripts, refusals by the content policy, requests that failed,
            answers of 400 and above, dialogs. The fixture fails the test if any is left that
            the test did not say it ``expects``.
        sockets: every socket that any tab opened.
    """

    def __init__(self, context: BrowserContext, home: str, wire: Wire | None = None) -> None:
        self.context = context
        self.home = home
        self._wire = wire
        self.person: Person | None = None
        self.name = ""
        self.page: Page
        self.complaints: list[str] = []
        self.sockets: list[tuple[Page, WebSocket]] = []
        self._expected: list[re.Pattern[str]] = []
        context.set_default_timeout(WAIT_MS)
        context.on("page", self._watch)

    # --- Going places -------------------------------------------------------------------

    async def open(self, path: str = "/") -> None:
        """Load a page in the open tab."""
        await self.page.goto(self.home + path)

    async def new_tab(self, path: str = "/") -> None:
        """Open another tab and go on in it."""
        self.page = await self.context.new_page()
        await self.open(path)

    async def beside(self, path: str = "") -> Window:
        """Open a second tab, and return it as a window of the same browser and person."""
        other = copy.copy(self)
        other.page = await self.context.new_page()
        if path:
            await other.open(path)
        return other

    async def enter(self, room: str) -> None:
        """Open a room and wait until it is live."""
        await self.open(f"/chatrooms/chat/{room}")
        await self.is_live()

    async def is_live(self) -> None:
        """Wait until the room of the page is connected: this person is seen to be there.

        Who came back sees himself in the list that came with the page, before the scripts are
        there; a key that is pressed then is heard by nobody.
        """
        await expect(self.find("form[novalidate]:has(#text)")).to_have_count(1)
        await expect(self.here.filter(has_text=self.name)).to_have_count(1)
        await expect(self.banner).to_be_hidden()

    async def go_offline(self) -> None:
        """Lose the network: the browser knows it, and what is on its way is lost."""
        assert self._wire is not None, "only a wired window can go offline"
        self._wire.cut()
        await self.context.set_offline(True)
        self.expects(*_CUT)

    @property
    def wire(self) -> Wire:
        """The network of a wired window."""
        assert self._wire is not None
        return self._wire

    def lose_answers(self) -> None:
        """Lose whatever the replica says from now on, though it hears this browser."""
        assert self._wire is not None
        self._wire.deafen()

    async def come_back(self) -> None:
        """Have the network again."""
        assert self._wire is not None
        self._wire.mend()
        await self.context.set_offline(False)

    async def run(self, script: str) -> None:
        """Run a whole script in the open page, which the content policy of the page forbids."""
        session = await self.context.new_cdp_session(self.page)
        answer = await session.send("Runtime.evaluate", {"expression": script})
        await session.detach()
        assert "exceptionDetails" not in answer, answer

    # --- What is on the page ------------------------------------------------------------

    @property
    def open_sockets(self) -> list[Page]:
        """The tabs of this browser that hold a socket, as often as they do."""
        return [
            page for page, socket in self.sockets if not socket.is_closed() and not page.is_closed()
        ]

    def find(self, selector: str) -> Locator:
        """Return what a selector finds on the open page."""
        return self.page.locator(selector)

    @property
    def texts(self) -> Locator:
        """The texts of all messages, own and others', oldest first."""
        return self.find("#messages .message__text")

    @property
    def banner(self) -> Locator:
        """The line that speaks of the connection."""
        return self.find(".banner")

    @property
    def here(self) -> Locator:
        """The rows of who is here."""
        return self.find("#people > .person")

    @property
    def writing(self) -> Locator:
        """Where a message is written."""
        return self.find("#text")

    def message(self, text: str) -> Locator:
        """The message with exactly this text."""
        return self.find(f"#messages .message:has(.message__text:text-is({_quoted(text)}))")

    def state(self, text: str) -> Locator:
        """The sign that says what became of an own message."""
        return self.message(text).locator(".message__state")

    def room_row(self, name: str) -> Locator:
        """A room in the list."""
        return self.find(f"#room-list > .room-item:has(.room-item__name:text-is({_quoted(name)}))")

    # --- Doing things -------------------------------------------------------------------

    async def create_room(self, name: str) -> str:
        """Make a room without its page; returns the id."""
        assert self.person is not None
        return await self.person.create_room(name)

    async def say(self, *texts: str) -> None:
        """Type messages and send each with Enter."""
        for text in texts:
            await self.writing.fill(text)
            await self.writing.press("Enter")

    async def is_saved(self, text: str) -> None:
        """Wait until an own message says that it is saved."""
        await expect(self.state(text)).to_have_attribute("data-state", "saved")

    async def shows(self, *texts: str, timeout: float = WAIT_MS / 1000) -> None:
        """Wait until the messages are these, in this order, and no others."""
        await expect(self.texts).to_have_text(list(texts), timeout=timeout * 1000)

    async def log_in(self, person: Person, name: str) -> None:
        """Give this browser the session of an account, without the log-in page."""
        self.person, self.name = person, name
        await self.context.add_cookies(
            [{"name": "session", "value": person.cookie, "url": self.home}]
        )

    async def person_language(self, language: str) -> None:
        """Set the language of the account."""
        assert self.person is not None
        await self.person.request("PATCH", "/api/v1/me", json={"language": language})

    # --- What must not happen -----------------------------------------------------------

    def expects(self, *patterns: str) -> None:
        """Say which complaints belong to the test."""
        self._expected += [re.compile(pattern) for pattern in patterns]

    @property
    def unexpected(self) -> list[str]:
        """Complaints that the test did not ask for."""
        return [
            complaint
            for complaint in self.complaints
            if not any(pattern.search(complaint) for pattern in self._expected)
        ]

    def _watch(self, page: Page) -> None:
        page.on("websocket", lambda socket: self.sockets.append((page, socket)))
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._complain("script", str(error)))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.on("dialog", lambda dialog: self._complain("dialog", dialog.message))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._complain("console", message.text)

    def _failed(self, request: Request) -> None:
        if request.failure != _CALLED_OFF:
            self._complain("request", f"{request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= _REFUSED:
            self._complain("answer", f"{response.status} {response.url}")

    def _complain(self, *words: Any) -> None:
        self.complaints.append(" ".join(str(word) for word in words))
