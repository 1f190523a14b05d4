"""Numbers with their units, as people write and read them.

Kept numbers are in ms for latencies, us for CPU per delivery, and bytes; a figure has the unit
that its scenario gave it.
"""

from __future__ import annotations

import re
from typing import Final

KILO: Final = 1024
_FAMILIES: Final[tuple[dict[str, float], ...]] = (
    {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "min": 60e3},
    {"B": 1.0, "KB": KILO, "MB": KILO**2, "GB": KILO**3},
)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([kM]?)\s*([^\d\s]*)")
_MULTIPLES: Final = {"": 1.0, "k": 1e3, "M": 1e6}
_RATES: Final = ("/s", "1/s")


class UnitError(ValueError):
    """A number has no unit that fits; the message says which would."""


def read(text: str, unit: str) -> float:
    """Return the number that ``text`` writes, in ``unit``; a bare number is in that already.

    Raises:
        UnitError: no number, or another kind of unit.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise UnitError(f"{text!r} is not a number")
    number = float(found[1])
    multiple, given = found[2], found[3]
    if multiple and multiple + given in _units():  # MB, not a million B
        multiple, given = "", multiple + given
    return number * _MULTIPLES[multiple] * _factor(given, unit)


def show(value: float, unit: str) -> str:
    """Write a number so that three or four digits are seen, in the unit that needs no more."""
    if unit in _FAMILIES[1]:
        return _show_bytes(value * _FAMILIES[1][unit])
    if unit == "us" and value >= 10_000:
        return show(value / 1000, "ms")
    if unit == "ms" and value >= 1000:
        return f"{number(value / 1000)} s"
    if unit == "ms" and 0 < value < 1:
        return f"{number(value * 1000)} us"
    unit = "/s" if unit in _RATES else unit
    gap = "" if unit.startswith("/") or unit in {"", "%"} else " "
    return f"{number(value)}{gap}{unit}"


def number(value: float) -> str:
    """Write a number with three digits that matter, and thin groups of thousands."""
    size = abs(value)
    if size >= 1000 or value == int(value):
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.3g}"


def _show_bytes(value: float) -> str:
    for unit in ("B", "KB", "MB"):
        if value < KILO or (unit == "MB" and value < 10 * KILO):
            return f"{number(value)} {unit}"
        value /= KILO
    return f"{number(value)} GB"


def _units() -> set[str]:
    return {name for family in _FAMILIES for name in family}


def _factor(given: str, unit: str) -> float:
    if given in {"", unit} or (given in _RATES and unit.endswith("/s")):
        return 1.0
    for family in _FAMILIES:
        if given in family and unit in family:
            return family[given] / family[unit]
    raise UnitError(f"{given!r} is no unit of {unit or 'a count'}")
