"""Which messages a person is told of, when, and where the telling may go; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from server.domain.errors import Refusal

ENDPOINT_CHARS: Final = 1000
DAY_MINUTES: Final = 24 * 60
ZONE_CHARS: Final = 64


class Level(Enum):
    """What of a room a person is told of."""

    ALL = "all"
    MENTIONS = "mentions"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class QuietTimes:
    """When a person wants to hear nothing.

    ``paused_until`` is Unix milliseconds; ``quiet_from`` and ``quiet_to`` are minutes of the day
    in ``time_zone``, both None without quiet hours.
    """

    paused_until: int = 0
    quiet_from: int | None = None
    quiet_to: int | None = None
    time_zone: str = "UTC"

    def holds(self, at_ms: int) -> bool:
        """Tell whether nothing may be heard at this time."""
        if at_ms < self.paused_until:
            return True
        if self.quiet_from is None or self.quiet_to is None:
            return False
        local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone_of(self.time_zone))
        minute = local.hour * 60 + local.minute
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= minute < self.quiet_to
        # Over midnight.
        return minute >= self.quiet_from or minute < self.quiet_to


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone; of a name that this machine does not know any more, UTC."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return ZoneInfo("UTC")


def check_zone(name: str) -> str:
    """Return the name of a time zone of the IANA list.

    Raises:
        Refusal: ``bad_request``.
    """
    try:
        # A longer one is no file name either.
        ZoneInfo(name[:ZONE_CHARS])
    except (ValueError, OSError, LookupError) as error:
        raise Refusal("bad_request", "There is no such time zone.") from error
    return name


def minute_of(text: str) -> int | None:
    """Read ``HH:MM`` as a minute of the day; nothing is None.

    Raises:
        Refusal: ``bad_request``.
    """
    if not text:
        return None
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", text, re.ASCII)
    if found is None:
        raise Refusal("bad_request", "A time looks like 22:30.")
    return int(found[1]) * 60 + int(found[2])


def hours_of(begins: str, ends: str) -> tuple[int | None, int | None]:
    """Read quiet hours; two nothings are none.

    Raises:
        Refusal: ``bad_request``.
    """
    read = minute_of(begins), minute_of(ends)
    if (read[0] is None) != (read[1] is None):
        raise Refusal("bad_request", "Quiet hours have a beginning and an end.")
    return read


def clock_of(minute: int | None) -> str:
    """Write a minute of the day as ``HH:MM``; None is nothing."""
    return "" if minute is None else f"{minute // 60:02}:{minute % 60:02}"


def mentions(text: str, name: str) -> bool:
    """Tell whether ``@name`` stands in a text, in any case, as a word of its own.

    The same rule is in ``web/static/js/models/notices.js``: keep the two alike.
    """
    # The quick look first: most messages mention nobody.
    if "@" not in text or not name:
        return False
    wanted = re.escape(name.lower())
    return re.search(rf"(?<!\w)@{wanted}(?!\w)", text.lower()) is not None


def wants(level: Level, text: str, name: str) -> bool:
    """Tell whether a person of this name, at this level, is told of a message."""
    return level is Level.ALL or (level is Level.MENTIONS and mentions(text, name))


def check_endpoint(url: str, *, private: bool = False) -> str:
    """Return the address of a push service that this server may call.

    Names only, and https: what a name leads to is checked when it is called
    (``server/push/sender.py``). ``private`` allows any, for tests.

    Raises:
        Refusal: ``bad_request``.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise Refusal("bad_request", "The address cannot be read.") from error
    if len(url) > ENDPOINT_CHARS or not host or parts.username is not None or not url.isascii():
        raise Refusal("bad_request", "The address cannot be used.")
    if private:
        return url
    if parts.scheme != "https" or parts.port not in {None, 443}:
        raise Refusal("bad_request", "The address of a push service begins with https.")
    if _is_number(host) or "." not in host.strip("."):
        raise Refusal("bad_request", "The address of a push service has a public name.")
    return url


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        # 127.1 and 0x7f.1 are numbers to some resolvers.
        return re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)", host.strip(".").rpartition(".")[2]) is not None
    return True
