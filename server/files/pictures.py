"""Pictures that wait for their turn to be read: a few threads, a bounded queue, a deadline."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from server.domain.errors import Refusal
from server.files.image import Picture, rewrite
from server.runtime.instruments import IMAGES_QUEUE

if TYPE_CHECKING:
    from server.runtime.settings import Settings

DEADLINE_S: Final = 25.0
"""Less than a proxy waits for an answer. A picture of ``IMAGE_PIXELS`` takes some seconds."""


class Pictures:
    """Reads pictures off the event loop; Pillow releases the interpreter lock meanwhile.

    More than ``image_threads + image_queue`` unfinished ones are refused as ``busy``.
    """

    def __init__(self, settings: Settings) -> None:
        self._most_pixels = settings.image_pixels
        self._room = settings.image_threads + settings.image_queue
        self._threads = ThreadPoolExecutor(settings.image_threads, thread_name_prefix="pictures")
        self._lock = Lock()
        self._unfinished = 0

    async def rewrite(self, source: Path, kind: str, target: Path, thumbnail: Path) -> Picture:
        """Write a picture again, and a small one; see ``image.rewrite``.

        Raises:
            Refusal: ``invalid_image``, ``image_too_large``; ``busy`` when too many wait, or
                this one waited too long. What its thread still writes, nobody will read.
            OSError: the disk refuses.
        """
        with self._lock:
            if self._unfinished >= self._room:
                raise Refusal("busy")
            self._unfinished += 1
        IMAGES_QUEUE.inc()
        job = self._threads.submit(rewrite, source, kind, target, thumbnail, self._most_pixels)
        job.add_done_callback(self._finished)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.wrap_future(job)
        except TimeoutError as error:
            raise Refusal("busy") from error

    def close(self) -> None:
        """Let the threads end; pictures that have not begun are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _finished(self, _: Future[Picture]) -> None:
        with self._lock:
            self._unfinished -= 1
        IMAGES_QUEUE.dec()
