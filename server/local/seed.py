"""Fills a running chat with people, rooms and messages, over its own HTTP interface."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from server.local.process import LocalError

_TIMEOUT_S = 10.0
PASSWORD = "kitchen-window-42"  # noqa: S105 - a public one, for trying out

PEOPLE = {"alice": "Alice", "bob": "Bob", "marina": "Марина", "pyotr": "Пётр"}
ROOMS: dict[str, list[tuple[str, str]]] = {
    "Kitchen": [
        ("alice", "Who took the last cup?"),
        ("bob", "It was me, I am sorry."),
        ("alice", "Then you make the next pot :)"),
        ("marina", "Two sugars for me, please."),
    ],
    "Кухня": [
        ("marina", "Всем привет!"),
        ("pyotr", "Привет! Чайник уже кипит."),
        ("alice", "I am learning Russian, hello from me as well. Привет!"),
    ],
    "Release": [
        ("bob", "The load test of last night is green."),
        ("pyotr", "Then we ship on Thursday."),
        ("bob", "https://example.org/notes has the notes."),
    ],
}


class Seeder:
    """Registers people and lets them talk. People who exist already just log in."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._tokens: dict[str, str] = {}

    def seed(self) -> None:
        """Make everything.

        Raises:
            LocalError: the chat does not answer, or refuses.
        """
        for login, name in PEOPLE.items():
            self._register(login, name)
        for room, talk in ROOMS.items():
            owner = talk[0][0]
            made = self._ask("POST", "/api/v1/rooms", {"name": room}, login=owner)
            for login, text in talk:
                words = {"cid": secrets.token_hex(16), "text": text}
                self._ask("POST", f"/api/v1/rooms/{made['id']}/messages", words, login=login)

    def _register(self, login: str, name: str) -> None:
        email = f"{login}@example.org"
        account = {"email": email, "password": PASSWORD, "name": name}
        try:
            self._ask("POST", "/api/v1/register", account)
        except _Refused as refused:
            if refused.code != "email_taken":
                raise
        form = urllib.parse.urlencode({"username": email, "password": PASSWORD}).encode()
        request = urllib.request.Request(self._address + "/token", data=form)  # noqa: S310 - checked in main
        self._tokens[login] = self._send(request)["access_token"]

    def _ask(self, method: str, path: str, body: dict[str, str], *, login: str = "") -> Any:
        headers = {"Content-Type": "application/json"}
        if login:
            headers["Authorization"] = f"Bearer {self._tokens[login]}"
        request = urllib.request.Request(  # noqa: S310 - checked in main
            self._address + path, json.dumps(body).encode(), headers, method=method
        )
        return self._send(request)

    def _send(self, request: urllib.request.Request) -> Any:
        what = f"{request.get_method()} {request.full_url}"
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise _Refused(what, error.code, text) from None
        except (OSError, ValueError) as error:
            raise LocalError(
                f"{what} got no answer ({error}); is the chat running? Start it with ./scripts/run"
            ) from error


class _Refused(LocalError):
    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f"{what} was refused with {status}: {text[:200]}")
        try:
            self.code = str(json.loads(text)["error"]["code"])
        except (ValueError, KeyError, TypeError):
            self.code = ""


def main(argv: list[str] | None = None) -> int:
    """Seed the chat at an address; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/seed", description="Fill a running chat.")
    parser.add_argument("address", nargs="?", default="http://127.0.0.1:8080")
    address: str = parser.parse_args(argv).address
    if not address.startswith(("http://", "https://")):
        parser.error("the address must begin with http:// or https://")
    try:
        Seeder(address).seed()
    except LocalError as problem:
        sys.stderr.write(f"beseda: {problem}\n")
        return 1
    names = ", ".join(f"{login}@example.org" for login in PEOPLE)
    print(f"{len(ROOMS)} rooms are there. Log in as {names}; the password is {PASSWORD}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
