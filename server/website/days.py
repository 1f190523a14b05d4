"""Days in filters: ``2026-01-31`` and the moment at which it begins, in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime


def begin_of(day: str) -> int | None:
    """Return the first millisecond of a day; None for no day.

    Raises:
        ValueError: it is not a day.
    """
    if not day:
        return None
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise ValueError("a day looks like 2026-01-31") from None
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp() * 1000)
