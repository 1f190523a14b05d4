"""What a program may do with a personal token; a person who is logged in may do all of it.

No token administers: what is for administrators, and what could make or keep a log-in
(passwords, sessions, tokens), is open to people only.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """One kind of thing to do. None of them contains another."""

    READ = "read"
    WRITE = "write"
    ROOMS = "rooms"


def parse_scopes(text: str) -> frozenset[Scope]:
    """Read what ``spell_scopes`` wrote; words of a newer server mean nothing here."""
    words = text.split()
    return frozenset(scope for scope in Scope if scope.value in words)


def spell_scopes(scopes: Iterable[Scope]) -> str:
    """Write scopes separated by spaces, each once (RFC 6749, section 3.3)."""
    given = set(scopes)
    return " ".join(scope.value for scope in Scope if scope in given)
