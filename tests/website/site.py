"""A running website for tests, and the people who visit it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import ClientSession, CookieJar, DummyCookieJar, web
from aiohttp.test_utils import TestServer

from server.archive.archive import Archive
from server.runtime.settings import Settings
from server.state.client import open_redis
from server.storage.messages import Messages
from server.storage.pool import open_pool
from server.website.app import setup_website
from server.website.deps import WebsiteDeps

PASSWORD = "teapot-9-harbour"
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"

_CSRF = re.compile(r'name="csrf-token" content="([^"]*)"')


@dataclass(frozen=True)
class Answer:
    """A finished answer."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def location(self) -> str:
        return str(self.headers.get("Location", ""))

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Visitor:
    """Somebody at the other end: a script unless it says that it is a browser."""

    def __init__(
        self, base: str, *, browser: bool = False, headers: dict[str, str] | None = None
    ) -> None:
        self.base = base
        self.browser = browser
        self.headers = headers or {}
        self.csrf = ""
        jar = CookieJar(unsafe=True) if browser else DummyCookieJar()
        self._session = ClientSession(cookie_jar=jar)

    async def close(self) -> None:
        await self._session.close()

    async def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any
    ) -> Answer:
        sent = dict(self.headers)
        if self.browser:
            sent |= {"Accept": HTML, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
            if method not in {"GET", "HEAD"}:
                sent["Origin"] = self.base
        sent |= headers or {}
        async with self._session.request(
            method, self.base + path, headers=sent, allow_redirects=False, **rest
        ) as response:
            answer = Answer(response.status, response.headers.copy(), await response.read())
        found = _CSRF.search(answer.body.decode(errors="replace"))
        if found:
            self.csrf = found[1]
        return answer

    async def get(self, path: str, **rest: Any) -> Answer:
        return await self.ask("GET", path, **rest)

    async def post(self, path: str, fields: dict[str, str] | None = None, **rest: Any) -> Answer:
        """Send a form, with the CSRF token of the page seen last."""
        sent = {"csrf_token": self.csrf} if self.browser else {}
        return await self.ask("POST", path, data=sent | (fields or {}), **rest)

    async def send(self, method: str, path: str, data: Any = None, **rest: Any) -> Answer:
        """Send JSON."""
        return await self.ask(method, path, json=data, **rest)

    def cookie(self, name: str) -> str:
        return next((each.value for each in self._session.cookie_jar if each.key == name), "")


@dataclass
class Site:
    """The website over real servers."""

    settings: Settings
    deps: WebsiteDeps
    app: web.Application
    base: str
    visitors: list[Visitor]

    def visitor(self, *, browser: bool = False, headers: dict[str, str] | None = None) -> Visitor:
        made = Visitor(self.base, browser=browser, headers=headers)
        self.visitors.append(made)
        return made

    async def open_account(self, name: str) -> None:
        visitor = self.visitor()
        form = {"email": f"{name}@example.org", "password": PASSWORD, "name": name.title()}
        answer = await visitor.post("/register/", form)
        assert answer.status == 303, answer.text

    async def browser(self, name: str, *, new: bool = True) -> Visitor:
        """A person at a browser, logged in, who has seen a page."""
        if new:
            await self.open_account(name)
        visitor = self.visitor(browser=True)
        form = {"email": f"{name}@example.org", "password": PASSWORD}
        answer = await visitor.post("/login/", form)
        assert answer.status == 303, answer.text
        assert (await visitor.get("/profile/")).status == 200
        return visitor

    async def script(self, name: str, *, new: bool = True) -> Visitor:
        """A person's program with a bearer token."""
        if new:
            await self.open_account(name)
        form = {"username": f"{name}@example.org", "password": PASSWORD}
        answer = await self.visitor().post("/token", form)
        assert answer.status == 200, answer.text
        token = answer.json["access_token"]
        return self.visitor(headers={"Authorization": f"Bearer {token}"})

    async def room(self, owner: Visitor, name: str = "kitchen", **rest: Any) -> str:
        answer = await owner.send(
            "POST", "/chatrooms/create", {"name": name, **rest}, headers=self.token(owner)
        )
        assert answer.status == 200, answer.text
        return str(answer.json["id"])

    def token(self, visitor: Visitor) -> dict[str, str]:
        if not visitor.browser:
            return {}
        return {"X-CSRF-Token": visitor.csrf, "Accept": "application/json"}


@asynccontextmanager
async def open_site(settings: Settings) -> AsyncIterator[Site]:
    async with open_redis(settings) as client, open_pool(settings) as pool:
        client.remember_by(Messages(pool).begin_reigns)
        deps = WebsiteDeps.build(settings, client, pool, Archive(client, pool, settings))
        app = web.Application()
        setup_website(app, deps)
        async with TestServer(app) as server:
            site = Site(settings, deps, app, str(server.make_url("")).rstrip("/"), [])
            try:
                yield site
            finally:
                for visitor in site.visitors:
                    await visitor.close()
