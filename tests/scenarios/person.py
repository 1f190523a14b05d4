"""Somebody with an account: what he does over HTTP, and the sockets that he opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from server.domain.positions import Position
from tests.scenarios.client import Client

if TYPE_CHECKING:
    from tests.scenarios.system import System

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Answer:
    """What HTTP answered."""

    status: int
    body: bytes
    headers: dict[str, str]
    cookies: dict[str, str]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        """The stable word of a refusal."""
        return str(self.json["error"]["code"])


class Person:
    """An account with a session: ``cookie`` for browsers, ``token`` for programs.

    Attributes:
        compress: the window that sockets offer for compression, bits; 0 offers none.
    """

    def __init__(self, system: System, name: str, email: str) -> None:
        self.system = system
        self.name = name
        self.email = email
        self.password = PASSWORD
        self.id = ""
        self.token = ""
        self.cookie = ""
        self.compress = 0

    @property
    def bearer(self) -> dict[str, str]:
        """The header of a program."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def cookies(self) -> dict[str, str]:
        """The header of a browser."""
        return {"Cookie": f"session={self.cookie}"}

    async def log_in(self, replica: int = 0) -> None:
        """Begin a session: token and cookie."""
        form = {"username": self.email, "password": self.password}
        answer = await self.post("/token", replica=replica, data=form)
        assert answer.status == 200, (answer.status, answer.text)
        self.token = answer.json["access_token"]
        self.cookie = answer.cookies["session"]

    async def create_room(self, name: str, *, private: bool = False, replica: int = 0) -> str:
        """Make a room; returns its id."""
        fields = {"name": name, "visibility": "private" if private else "public"}
        answer = await self.post("/api/v1/rooms", replica=replica, json=fields)
        assert answer.status == 201, (answer.status, answer.text)
        return str(answer.json["id"])

    async def delete_room(self, room: str, replica: int = 0) -> None:
        """Delete an own room for everybody."""
        answer = await self.request("DELETE", f"/api/v1/rooms/{room}", replica=replica)
        assert answer.status == 200, (answer.status, answer.text)

    async def open(
        self,
        room: str,
        replica: int = 0,
        position: Position | None = None,
        *,
        label: str = "",
    ) -> Client:
        """Open a socket to a room and wait until it hears it.

        The client goes to ``replica`` first, and to the next one when it does not answer.
        """
        client = Client(self, room, replica, position, label=label)
        self.system.clients.append(client)
        client.start()
        await client.is_live()
        return client

    async def get(self, path: str, *, replica: int = 0, **fields: Any) -> Answer:
        """GET with the person's token."""
        return await self.request("GET", path, replica=replica, **fields)

    async def post(self, path: str, *, replica: int = 0, **fields: Any) -> Answer:
        """POST with the person's token."""
        return await self.request("POST", path, replica=replica, **fields)

    async def request(self, method: str, path: str, *, replica: int = 0, **fields: Any) -> Answer:
        """Ask one replica; ``fields`` are aiohttp's, ``headers`` win over the token."""
        headers = {**(self.bearer if self.token else {}), **fields.pop("headers", {})}
        url = self.system.replicas[replica].url + path
        async with self.system.http.request(
            method, url, headers=headers, allow_redirects=False, **fields
        ) as answer:
            cookies = {name: morsel.value for name, morsel in answer.cookies.items()}
            return Answer(answer.status, await answer.read(), dict(answer.headers), cookies)
