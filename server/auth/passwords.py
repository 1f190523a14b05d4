"""Passwords: the rules for new ones, and bcrypt that never runs on the event loop.

bcrypt takes 72 bytes and stops at NUL, so what it gets is a digest of fixed length in
base64: every byte of a long password counts (OWASP Password Storage Cheat Sheet,
"Pre-Hashing Passwords with bcrypt"). The digest is keyed, so a table made for plain
SHA-384 is of no use.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import bcrypt

from server.domain.errors import Refusal
from server.runtime.instruments import BCRYPT_QUEUE, BCRYPT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.runtime.settings import Settings

PREHASH_KEY = b"beseda-password-v1"
PASSWORD_MAX_BYTES = 4096
"""No password within the limit of characters is longer; a guard for log-in, which has no rules."""

REPEATS_BELOW_CHARS = 24
"""A password of one or two different characters is easy to guess unless it is this long."""

_COMMON_FILE = Path(__file__).with_name("common_passwords.txt")
_T = TypeVar("_T")


@cache
def common_passwords() -> frozenset[str]:
    """Return the passwords that everybody tries first, in lower case."""
    return frozenset(_COMMON_FILE.read_text(encoding="utf-8").split())


def check_password(password: str, min_chars: int, max_chars: int, *own: str) -> None:
    """Refuse a new password that is too short, too long or easy to guess.

    ``own`` is what else belongs to the person, such as the e-mail and the name: a
    password that equals one of them, or the part before the ``@``, is no secret.

    Raises:
        Refusal: ``password_too_short``, ``password_too_long`` or ``password_common``.
    """
    if len(password) < min_chars:
        words = "A password has at least %(min)s characters."
        raise Refusal("password_too_short", words, values={"min": min_chars})
    if len(password) > max_chars:
        words = "A password has at most %(max)s characters."
        raise Refusal("password_too_long", words, values={"max": max_chars})
    folded = password.casefold()
    repeats = len(folded) < REPEATS_BELOW_CHARS and len(set(folded)) < min(3, min_chars)
    if repeats or folded in common_passwords():
        raise Refusal("password_common")
    for word in own:
        if word and folded in {word.casefold(), word.casefold().partition("@")[0]}:
            raise Refusal("password_common")


def prehash(password: str) -> bytes:
    """Return the 64 bytes that bcrypt hashes in place of ``password``."""
    digest = hmac.new(PREHASH_KEY, password.encode("utf-8", "surrogatepass"), hashlib.sha384)
    return base64.b64encode(digest.digest())


class Passwords:
    """Hashes and checks passwords in a few threads, with a bounded queue before them.

    bcrypt releases the interpreter lock, so the loop runs on; more than
    ``bcrypt_threads + bcrypt_queue`` unfinished hashes are refused as ``busy``.
    """

    def __init__(self, settings: Settings) -> None:
        self._cost = settings.bcrypt_cost
        self._min_chars = settings.password_min_chars
        self._max_chars = settings.password_max_chars
        self._room = settings.bcrypt_threads + settings.bcrypt_queue
        self._threads = ThreadPoolExecutor(settings.bcrypt_threads, thread_name_prefix="bcrypt")
        self._lock = Lock()
        self._unfinished = 0
        self._dummy = bcrypt.hashpw(prehash(""), bcrypt.gensalt(self._cost))

    def check(self, password: str, *own: str) -> None:
        """Refuse a new password that breaks the rules; see ``check_password``."""
        check_password(password, self._min_chars, self._max_chars, *own)

    async def hash(self, password: str) -> str:
        """Return a new hash of ``password``.

        Raises:
            Refusal: ``busy`` when too many wait already.
        """
        secret = prehash(password)
        hashed = await self._run(lambda: bcrypt.hashpw(secret, bcrypt.gensalt(self._cost)))
        return hashed.decode()

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Tell whether ``password`` is the one that ``hashed`` was made of.

        ``None`` stands for a person who does not exist: the answer is no after the same
        work, so that its time tells nothing.

        Raises:
            Refusal: ``busy`` when too many wait already.
        """
        if len(password) > PASSWORD_MAX_BYTES:
            return False
        secret = prehash(password)
        known = self._dummy if hashed is None else hashed.encode()
        matches = await self._run(lambda: bcrypt.checkpw(secret, known))
        return matches and hashed is not None

    def outdated(self, hashed: str) -> bool:
        """Tell whether ``hashed`` costs less to guess than a new one would."""
        parts = hashed.split("$")
        return len(parts) < 3 or not parts[2].isdigit() or int(parts[2]) < self._cost

    def close(self) -> None:
        """Let the threads end; hashes that have not begun are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], _T]) -> _T:
        with self._lock:
            if self._unfinished >= self._room:
                raise Refusal("busy")
            self._unfinished += 1
        BCRYPT_QUEUE.inc()
        job = self._threads.submit(_timed, work)
        job.add_done_callback(self._finished)
        return await asyncio.wrap_future(job)

    def _finished(self, _: Future[_T]) -> None:
        with self._lock:
            self._unfinished -= 1
        BCRYPT_QUEUE.dec()


def _timed(work: Callable[[], _T]) -> _T:
    began = time.perf_counter()
    try:
        return work()
    finally:
        BCRYPT_SECONDS.observe(time.perf_counter() - began)
