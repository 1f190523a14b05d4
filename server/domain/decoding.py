"""JSON as clients send it: strict, and every name once.

orjson refuses what is no JSON (NaN, lone surrogates, depth without end) and takes the last of two
equal names. Two readers of one text must not disagree about what it says, so that is refused too.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


def decode_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not JSON, or some object has a name twice.
    """
    try:
        value = orjson.loads(text)
    except UnicodeEncodeError as error:
        raise ValueError("not JSON") from error
    # Every string has two quotes. Where there are no others, no name was swallowed, and nearly
    # always that ends it; a quote inside a string makes the slow way necessary.
    quotes = text.count('"') if isinstance(text, str) else text.count(b'"')
    if quotes != 2 * _strings(value):
        try:
            json.loads(text, object_pairs_hook=_once)
        except RecursionError as error:
            raise ValueError("too deep") from error
    return value


def _strings(value: Any) -> int:
    """Count the strings in a value, names too."""
    count = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is str:
            count += 1
        elif kind is dict:
            count += len(each)
            waiting.extend(each.values())
        elif kind is list:
            waiting.extend(each)
    return count


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name is given twice")
    return fields
