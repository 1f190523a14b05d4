"""What a person calls the device that a ``User-Agent`` header stands for."""

from __future__ import annotations

from typing import Final

_BROWSERS: Final = (
    # Each claims to be most of those after it, so the order decides.
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
NAME_MAX_CHARS: Final = 60


def device_of(user_agent: str) -> str:
    """Return such as ``Firefox, Windows``; of a program its own name, cut; ``""`` for nothing."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if user_agent.startswith("Mozilla/") and (browser or system):
        return ", ".join(filter(None, (browser, system)))
    return user_agent[:NAME_MAX_CHARS]
