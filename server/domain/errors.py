"""Every refusal a person or a client can meet, and every close code, in two tables.

A refusal's ``code`` is a stable word for programs; ``message`` is English for people,
and pages translate the code. ``retry_ms`` is set where trying again later makes sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple


class Kind(NamedTuple):
    """One row of the table: the HTTP status, the default words and whether to retry."""

    status: int
    message: str
    retry_ms: int | None = None


KINDS: dict[str, Kind] = {
    # Input.
    "bad_json": Kind(400, "The frame is not valid JSON."),
    "bad_request": Kind(400, "A field is missing, unknown or of the wrong kind."),
    "unknown_op": Kind(400, "There is no such op."),
    "empty_text": Kind(400, "A message needs some text."),
    "text_too_long": Kind(400, "The text is too long."),
    "invalid_text": Kind(400, "The text has characters that cannot be stored."),
    "invalid_emoji": Kind(400, "A reaction is one emoji."),
    "invalid_name": Kind(400, "The name is empty or has characters that are not allowed."),
    "name_too_long": Kind(400, "The name is too long."),
    "invalid_email": Kind(400, "This is not an e-mail address."),
    "email_taken": Kind(409, "There is an account with this e-mail already."),
    "password_too_short": Kind(400, "The password is too short."),
    "password_too_long": Kind(400, "The password is too long."),
    "password_common": Kind(400, "This password is too easy to guess."),
    "too_large": Kind(413, "The request is too large."),
    # Who may do what.
    "unauthorized": Kind(401, "Log in first."),
    "token_expired": Kind(401, "The token has expired."),
    "wrong_credentials": Kind(401, "The e-mail or the password is wrong."),
    "foreign_origin": Kind(403, "The request comes from another site."),
    "csrf": Kind(403, "The form is too old. Reload the page and try again."),
    "forbidden": Kind(403, "You may not do this."),
    "insufficient_scope": Kind(403, "The token may not do this."),
    "too_many_tokens": Kind(400, "You have as many tokens as one person may."),
    "not_found": Kind(404, "There is nothing here."),
    "method_not_allowed": Kind(405, "This address does not answer that method."),
    # Rooms.
    "room_not_found": Kind(404, "There is no such room."),
    "room_gone": Kind(410, "The room was deleted."),
    "not_a_member": Kind(403, "You are not a member of this room."),
    "muted": Kind(403, "You may read here, but not write."),
    "person_not_found": Kind(404, "There is no such person in this room."),
    "description_too_long": Kind(400, "The description is too long."),
    "invite_invalid": Kind(404, "This invitation is not valid."),
    "invite_over": Kind(410, "This invitation is not valid any more."),
    "reset_over": Kind(410, "This link does not work any more. Ask for a new one."),
    "message_not_found": Kind(404, "There is no such message, or it was deleted."),
    "too_many_pins": Kind(400, "The room has as many pinned messages as it may."),
    "not_subscribed": Kind(400, "Subscribe to the room first."),
    "too_many_rooms": Kind(400, "The socket holds as many rooms as it may."),
    "too_many_owned": Kind(400, "You own as many rooms as one person may."),
    "too_many_hooks": Kind(400, "The room has as many webhooks as it may."),
    # Files.
    "invalid_file": Kind(400, "The file was sent already, or its upload is too long ago."),
    "invalid_image": Kind(400, "The picture is damaged and cannot be read."),
    "image_too_large": Kind(413, "The picture has too many pixels."),
    "empty_file": Kind(400, "The file is empty."),
    "file_too_large": Kind(413, "The file is too large."),
    "own_files_full": Kind(413, "Your files take all the space that one person may."),
    "all_files_full": Kind(507, "There is no space for files on this server."),
    "file_not_found": Kind(404, "There is no such file, or it was deleted."),
    # Search.
    "invalid_search": Kind(400, "The search cannot be read."),
    "search_too_wide": Kind(422, "This finds too much. Add a word, a room, a person or a day."),
    # Load and failure.
    "rate_limited": Kind(429, "Slow down a little.", 1_000),
    "throttled": Kind(429, "Too many attempts. Wait a little.", 30_000),
    "busy": Kind(503, "The server is busy.", 1_000),
    "storage_backlog": Kind(503, "The archive is behind. Your text is kept.", 2_000),
    "room_unavailable": Kind(503, "The room cannot be loaded right now.", 2_000),
    "unavailable": Kind(503, "The service cannot be reached right now.", 1_000),
    "draining": Kind(503, "This server is stopping.", 1_000),
    "internal": Kind(500, "Something went wrong on our side."),
}


class Refusal(Exception):
    """A request that was understood, or not, and is refused; nothing was changed.

    Attributes:
        code: the stable word, a key of ``KINDS``.
        pattern: words for a person, in English, with a blank such as ``%(max)s`` per value.
        values: what fills the blanks, here and in a translation.
        message: the words with the blanks filled in.
        retry_ms: milliseconds after which to try again, or ``None`` when final.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        values: Mapping[str, int] | None = None,
        retry_ms: int | None = None,
    ) -> None:
        kind = KINDS[code]
        self.code = code
        self.pattern = message or kind.message
        self.values = dict(values or {})
        self.message = self.fill(self.pattern)
        self.retry_ms = kind.retry_ms if retry_ms is None else retry_ms
        super().__init__(f"{code}: {self.message}")

    def fill(self, pattern: str) -> str:
        """Return words with this refusal's values in their blanks; without values, as they are."""
        return pattern % self.values if self.values else pattern

    @property
    def status(self) -> int:
        """The HTTP status that says the same (RFC 9110, section 15)."""
        return KINDS[self.code].status


class CloseCode(IntEnum):
    """WebSocket close codes (RFC 6455, section 7.4): 4000-4499 reconnect, 4500-4999 final."""

    DRAINING = 4001
    TOKEN_EXPIRED = 4002
    TOO_SLOW = 4003
    POSITION_INVALID = 4004
    BAD_TOKEN = 4501
    BANNED = 4502
    PROTOCOL = 4503
    TOO_MANY_CONNECTIONS = 4504

    @property
    def reconnect(self) -> bool:
        """Tell whether a client should come back and resume."""
        return self < 4500
