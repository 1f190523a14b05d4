"""Logs: one line per record, as JSON or short text, with ids and without secrets.

Use the standard library: ``log = logging.getLogger(__name__)`` and
``log.info("a room was evicted", extra={"room": room})``. Ids that belong to everything that
happens inside a request or a socket are bound once: ``with bound(request=id, user=user.id):``.

Promises: a record is one line whatever a person typed (CWE-117); fields named like a secret,
known secrets, tokens, addresses with a password and e-mails are replaced before they are written;
a warning that repeats is summed up, so that no fault floods the log (`server/runtime/repeats.py`).
"""

from __future__ import annotations

import logging
import re
import sys
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

import orjson
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError
from pydantic import SecretStr

from server.runtime.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from server.runtime.settings import Settings

lifecycle = logging.getLogger("server.lifecycle")
"""``ready``, ``stopping``, ``stopped``: written at every LOG_LEVEL, launchers wait for them."""

HIDDEN: Final = "[hidden]"
FIELD_CHARS: Final = 2_000
"""Longest string in a field; the rest is cut."""
TRACEBACK_CHARS: Final = 16_000
SECRET_MIN_CHARS: Final = 6
"""Shorter configured values are not searched for: they would blot out ordinary words."""

_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default={})  # noqa: B039
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET_FIELD: Final = re.compile(
    r"passw|secret|token|cookie|authorization|credential|e_?mail|dsn|csrf|_url$|^text$|^body$",
    re.IGNORECASE,
)
_PATTERNS: Final = (
    # A JSON Web Token, whole or cut.
    re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){1,2}"),
    re.compile(r"(?i)(?<=\bbearer )\S+"),
    # scheme://user:password@host
    re.compile(r"(?<=://)[^\s/@]*:[^\s/]*(?=@)"),
    # name=value and name: value, as in cookies, forms and queries.
    re.compile(
        r"(?i)(?<![\w-])((?:__(?:host|secure)-)?(?:session|csrf_?token|access_token|token|password"
        r"|passwd|secret|email|username|cookie|set-cookie|authorization))[\"']?\s?[=:]\s?[^\s;&,]+"
    ),
    re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"),
    # What 256 random bits look like in base64url.
    re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{40,}"),
)
# C0, DEL and C1 controls, and the separators at which some readers break a line.
_CONTROLS: Final = {n: f"\\x{n:02x}" for n in (*range(0x20), *range(0x7F, 0xA0))} | {
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
_LINE_BREAKERS: Final = {n: _CONTROLS[n] for n in (0x85, 0x2028, 0x2029)}


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Add ids (request, connection, room, user) to every record written inside the block."""
    token = _context.set({**_context.get(), **ids})
    try:
        yield
    finally:
        _context.reset(token)


class Redactor:
    """Replaces in a string what must not be read in a log."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """``secrets`` are values to hide wherever they stand, besides the known shapes."""
        known = sorted({s for s in secrets if len(s) >= SECRET_MIN_CHARS}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """Return ``text`` with every secret replaced by ``[hidden]``."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern in _PATTERNS:
            text = pattern.sub(HIDDEN, text)
        return text


class LineFormatter(logging.Formatter):
    """Turns a record into safe fields; the two formats below lay them out."""

    def __init__(self, service: str, redact: Redactor) -> None:
        """``service`` is the name of the process: chat, website, writer."""
        super().__init__()
        self._service = service
        self._redact = redact

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return time, level, service, logger, message, ids and extras, all of them clean."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = {
            "at": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "service": self._service,
            "pid": record.process,
            "logger": record.name,
            "message": self._clean(record.getMessage(), FIELD_CHARS),
        }
        for name, value in _context.get().items():
            fields[name] = self._clean(value, FIELD_CHARS)
        for name, value in vars(record).items():
            if name not in _STANDARD:
                fields[name] = HIDDEN if _SECRET_FIELD.search(name) else self._value(value)
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            fields["traceback"] = self._clean(trace[-TRACEBACK_CHARS:], TRACEBACK_CHARS)
        return fields

    def _value(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, SecretStr):
            return HIDDEN
        if isinstance(value, dict):
            return {
                str(k): HIDDEN if _SECRET_FIELD.search(str(k)) else self._value(v)
                for k, v in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(each) for each in value]
        return self._clean(value if isinstance(value, str) else str(value), FIELD_CHARS)

    def _clean(self, text: str, limit: int) -> str:
        if len(text) > limit:
            text = text[:limit] + "…"
        # A lone surrogate cannot be encoded, and would cost the whole record.
        return self._redact(text.encode("utf-8", "backslashreplace").decode())


class JsonLines(LineFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line = orjson.dumps(self.fields(record), default=str, option=orjson.OPT_NON_STR_KEYS)
        return line.decode().translate(_LINE_BREAKERS)


class ShortText(LineFormatter):
    """``12:08:01.123 info    chat  message  room=… user=…`` for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, and the lines of its traceback, if any, indented."""
        fields = self.fields(record)
        traceback = fields.pop("traceback", "")
        at, level, service = fields.pop("at"), fields.pop("level"), fields.pop("service")
        message = fields.pop("message")
        del fields["pid"], fields["logger"]
        extras = " ".join(f"{name}={value}" for name, value in fields.items())
        line = f"{at[11:23]} {level:<7} {service:<7} {message}  {extras}".rstrip()
        lines = [line.translate(_CONTROLS)]
        # Indented, so that text inside an exception cannot pass for a record of its own.
        lines += [f"    | {each}".translate(_CONTROLS) for each in traceback.splitlines()]
        return "\n".join(lines)


class Lines(logging.StreamHandler[TextIO]):
    """Writes the records; of what repeats the first and sums, the last sum when it is closed."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._repeats = Repeats(self._write)
        self.addFilter(self._repeats)

    def close(self) -> None:
        """Say what is still held back."""
        self._repeats.sum_up(early=True)
        super().close()

    def _write(self, record: logging.LogRecord) -> None:
        with self.lock or nullcontext():
            self.emit(record)


def _is_ours(record: logging.LogRecord) -> bool:
    """Tell whether a record of aiohttp's server is about us, and not about a client's bad request.

    Whoever sends noise gets a 400; a traceback with his bytes for each would fill the disk.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | RequestPayloadError | ConnectionError)


def configure(settings: Settings, service: str, stream: TextIO | None = None) -> None:
    """Send every record of this process to ``stream`` (standard output), as settings say."""
    secrets = [
        value.get_secret_value()
        for name in type(settings).model_fields
        if isinstance(value := getattr(settings, name), SecretStr)
    ]
    layout = JsonLines if settings.log_format == "json" else ShortText
    handler = Lines(stream or sys.stdout)
    handler.setFormatter(layout(service, Redactor(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    lifecycle.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    # Their info lines tell of every request and every connection.
    for noisy in ("asyncio", "aiohttp.access", "aiohttp.server", "redis", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    served = logging.getLogger("aiohttp.server")
    served.filters[:] = [_is_ours]
