"""From the command line to a running event loop and back to an exit code.

Exit codes: 0 stopped when asked; 1 could not start, or a part failed for good; 2 a setting is
wrong. For 1 and 2 at start there is one sentence on standard error, without a traceback.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import signal
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from server.runtime import logs
from server.runtime.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

log = logging.getLogger(__name__)

OK: Final = 0
FAILED: Final = 1
BAD_SETTINGS: Final = 2
CLOSING_S: Final = 9.0
"""Seconds that a stop may take beyond ``drain_s``: requests in flight, pools, tasks."""
UVLOOP_LEAST: Final = (0, 23)
"""Older ones close a descriptor twice on a cancelled connect: answers reach the wrong client."""


class StartError(Exception):
    """The process cannot start; the message is one sentence for the operator."""


class SettingsError(StartError):
    """A setting is missing or wrong."""


class Stop:
    """The wish to end this process, from a signal or from a part that failed for good.

    The first ask starts an orderly stop, with a hard end ``deadline_s`` later: then every
    stack is written to standard error and the process exits with 1. The second ask means
    hurry: do not wait for people.
    """

    def __init__(self, deadline_s: float | None = None) -> None:
        """``deadline_s=None`` leaves the hard end out, for use inside another program."""
        self.asked = asyncio.Event()
        self.hurry = asyncio.Event()
        self.failed = False
        self._deadline_s = deadline_s
        self._starting: asyncio.Task[Any] | None = None

    def watch_start(self, main: asyncio.Task[Any]) -> None:
        """Cancel ``main`` when the wish comes before ``started``."""
        self._starting = main

    def started(self) -> None:
        """From now on somebody waits for ``asked``."""
        self._starting = None

    def ask(self, reason: str) -> None:
        """Begin to stop, or hurry."""
        if self.asked.is_set():
            self.hurry.set()
            return
        logs.lifecycle.info("stopping", extra={"reason": reason})
        self.asked.set()
        if self._deadline_s is not None:
            faulthandler.dump_traceback_later(self._deadline_s, exit=True)
        if self._starting is not None:
            self._starting.cancel()

    def fail(self) -> None:
        """Begin to stop because a part failed for good; the exit code will say so."""
        self.failed = True
        self.ask("a part failed")


def read_settings(**overrides: object) -> Settings:
    """Read the environment; ``overrides`` that are not None win over it.

    Raises:
        SettingsError: with every wrong setting by its name in the environment, never its value.
    """
    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = []
        for each in error.errors(include_input=False, include_url=False):
            name = "".join(f"{part}: ".upper() for part in each["loc"])
            wrong.append(name + each["msg"].removeprefix("Value error, "))
        raise SettingsError("; ".join(wrong)) from None


def loop_factory(settings: Settings) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the event loop that the settings name.

    Raises:
        SettingsError: uvloop is wished for, but missing or too old.
    """
    if settings.event_loop == "asyncio":
        return asyncio.new_event_loop
    try:
        import uvloop
    except ImportError:
        raise SettingsError(
            "EVENT_LOOP is uvloop, which is not installed; set EVENT_LOOP=asyncio"
        ) from None
    version = metadata.version("uvloop")
    if tuple(int(part) for part in version.split(".")[:2]) < UVLOOP_LEAST:
        raise SettingsError(
            f"EVENT_LOOP is uvloop {version}, which mixes up connections;"
            " install 0.23 or newer, or set EVENT_LOOP=asyncio"
        )
    return uvloop.new_event_loop


def run(
    service: str,
    settings: Settings,
    main: Callable[[Settings, Stop], Coroutine[Any, Any, None]],
    *,
    closing_s: float = CLOSING_S,
) -> int:
    """Run ``main`` to its end in a new event loop and return the exit code.

    SIGTERM and SIGINT ask ``Stop``; ``main`` is cancelled when they come while it starts.
    """
    logs.configure(settings, service)
    try:
        factory = loop_factory(settings)
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(_supervised(main, settings, closing_s))
    except SettingsError as error:
        return complain(error, BAD_SETTINGS)
    except StartError as error:
        return complain(error, FAILED)
    finally:
        faulthandler.cancel_dump_traceback_later()


def complain(error: Exception, code: int) -> int:
    """Write the one sentence to standard error and return ``code``."""
    sentence = " ".join(str(error).split())
    sys.stderr.write(f"beseda: {sentence.removesuffix('.')}.\n")
    return code


async def _supervised(
    main: Callable[[Settings, Stop], Coroutine[Any, Any, None]],
    settings: Settings,
    closing_s: float,
) -> int:
    loop = asyncio.get_running_loop()
    stop = Stop(settings.drain_s + closing_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.ask, signal.Signals(number).name)
    task = asyncio.create_task(main(settings, stop), name="main")
    stop.watch_start(task)
    await asyncio.wait([task])
    if task.cancelled():
        logs.lifecycle.info("stopped while starting")
        return FAILED if stop.failed else OK
    if (error := task.exception()) is not None:
        if isinstance(error, StartError):
            raise error
        log.error("the process failed", exc_info=error)
        return FAILED
    logs.lifecycle.info("stopped")
    return FAILED if stop.failed else OK
