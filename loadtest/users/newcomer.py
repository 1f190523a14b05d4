"""Somebody who has never been here."""

from __future__ import annotations

import secrets
from typing import Final

from locust import task

from loadtest.users.connection import Connection, LostError
from loadtest.users.person import Person, calmly
from loadtest.users.town import Account

THROTTLED: Final = 429


class Newcomer(Person):
    """Registers, logs in, looks for rooms, makes one, says a word there, and deletes it.

    One in the whole test, and slow, because registrations are throttled per address; being told
    to wait is an answer, no failure. The account stays: accounts cannot be deleted.
    """

    fixed_count = 1
    pause_s = (15.0, 25.0)

    def on_start(self) -> None:
        """Nothing is there yet."""

    @task
    @calmly
    def arrive(self) -> None:
        """Do all of it."""
        if not self._register():
            return
        self.log_in()
        self.get("/api/v1/rooms?search=room", "rooms, search")
        room = self._make_room()
        if not room:
            return
        try:
            self.connection = self._entered(room)
            self.connection.say()
            self.leave()
        finally:
            self.client.delete(f"/api/v1/rooms/{room}", headers=self.headers, name="delete a room")

    def _entered(self, room: str) -> Connection:
        try:
            return self.connect(room)
        except LostError:
            self.leave()
            raise

    def _register(self) -> bool:
        name = f"newcomer-{secrets.token_hex(6)}"
        self.account = Account(f"{name}@example.org", secrets.token_urlsafe(12))
        body = {"email": self.account.email, "password": self.account.password, "name": name}
        with self.client.post(
            "/api/v1/register", json=body, name="register", catch_response=True
        ) as answer:
            if answer.status_code == THROTTLED:
                answer.success()
                return False
            return bool(answer.status_code == 201)

    def _make_room(self) -> str:
        body = {"name": f"Room of {self.account.email[:20]}"}
        answer = self.client.post(
            "/api/v1/rooms", json=body, headers=self.headers, name="make a room"
        )
        return str((answer.json() or {}).get("id", "")) if answer.status_code == 201 else ""
