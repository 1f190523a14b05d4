"""The limits that the rules of a chat need; a process fills them from its settings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in characters (Unicode code points) unless a name says otherwise."""

    text_chars: int
    room_name_chars: int
    user_name_chars: int
    password_min_chars: int
    password_max_chars: int
    frame_bytes: int
    rooms_per_socket: int
    history_page: int

    @classmethod
    def read_from(cls, settings: Any) -> Limits:
        """Take the fields of the same names from a process's settings."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})
