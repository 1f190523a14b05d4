"""What an operator does about records that were set aside: look, mend the reason, replay."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

import orjson

from server.domain.records import EV_OF_KIND, read_mark_of, row_of
from server.storage.dead_letters import DeadLetter, DeadLetters
from server.storage.messages import BadData, Messages
from server.storage.pool import Pool

log = logging.getLogger(__name__)

PAGE: Final = 200

_KIND_OF_EV = {ev: kind for kind, ev in EV_OF_KIND.items()}
_SHOWN = ("ev", "room", "epoch", "seq")


async def show(pool: Pool, write: Callable[[str], object]) -> None:
    """Write one JSON object a line for each record, the oldest first; without what was said."""
    async for letter in _all(pool):
        write(_line(letter))


async def replay(pool: Pool, write: Callable[[str], object]) -> int:
    """Save what can be saved by now, and show what is left; returns how many are.

    It may be stopped and run again at any moment: saving twice changes nothing.

    Raises:
        Refusal: ``unavailable``.
    """
    messages, letters = Messages(pool), DeadLetters(pool)
    saved = left = 0
    async for letter in _all(pool):
        try:
            await _save(messages, letter.payload)
        except (BadData, ValueError) as error:
            log.warning("refused again", extra={"letter": letter.id, "reason": str(error)})
            write(_line(letter))
            left += 1
        else:
            await letters.remove(letter.id)
            saved += 1
    log.info("dead letters were replayed", extra={"saved": saved, "left": left})
    return left


async def _all(pool: Pool) -> AsyncIterator[DeadLetter]:
    letters = DeadLetters(pool)
    last = 0
    while page := await letters.after(last, PAGE):
        for letter in page:
            yield letter
        last = page[-1].id


async def _save(messages: Messages, payload: bytes) -> None:
    fields = orjson.loads(payload)
    if not isinstance(fields, dict):
        raise ValueError("a record is one JSON object")  # noqa: TRY004 - one error for all
    if "ev" in fields:
        await messages.insert([row_of(_KIND_OF_EV.get(fields["ev"], ""), payload)])
    else:
        await messages.insert([], [read_mark_of(payload)])


def _line(letter: DeadLetter) -> str:
    try:
        fields = orjson.loads(letter.payload)
    except ValueError:
        fields = None
    known = fields if isinstance(fields, dict) else {}
    return orjson.dumps(
        {
            "id": letter.id,
            "at": letter.at,
            "partition": letter.partition,
            "record": letter.record_id,
            "error": letter.error,
            "bytes": len(letter.payload),
            **{name: known[name] for name in _SHOWN if name in known},
        }
    ).decode()
