"""The connections that a service stands on, each waited for and named when it does not answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from server.domain.errors import Refusal
from server.runtime.process import StartError
from server.runtime.settings import Settings
from server.state.client import RedisClient, open_redis
from server.storage.messages import Messages
from server.storage.pool import Pool, open_pool

log = logging.getLogger(__name__)

T = TypeVar("T")


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[RedisClient, Pool]]:
    """Open Redis and PostgreSQL, each waiting up to ``startup_s`` and saying so in the log.

    Raises:
        StartError: one of them does not answer, or cannot be used.
    """
    async with AsyncExitStack() as stack:
        client = await _open(stack, open_redis(settings), "Redis", "REDIS_URL", settings)
        pool = await stack.enter_async_context(opened_pool(settings))
        # Any process may be the first to meet a Redis that went back in time.
        client.remember_by(Messages(pool).begin_reigns)
        yield client, pool


@asynccontextmanager
async def opened_pool(settings: Settings) -> AsyncIterator[Pool]:
    """Open PostgreSQL alone; waits and raises as ``opened`` does."""
    async with AsyncExitStack() as stack:
        yield await _open(stack, open_pool(settings), "PostgreSQL", "DATABASE_URL", settings)


async def _open(
    stack: AsyncExitStack,
    opening: AbstractAsyncContextManager[T],
    what: str,
    setting: str,
    settings: Settings,
) -> T:
    """Enter ``opening``.

    Raises:
        StartError: one sentence about what does not answer, or why it cannot be used.
    """
    try:
        return await stack.enter_async_context(opening)
    except Refusal as error:
        raise StartError(
            f"{what} did not answer within {settings.startup_s:g} s; look at {setting}"
        ) from error
    except ValueError as error:
        raise StartError(str(error)) from error
    except Exception as error:
        # A wrong password, no such database. The log has the whole of it, with secrets hidden; the
        # sentence only its name, because its text may hold the address.
        log.exception("a server cannot be used", extra={"server": what})
        raise StartError(
            f"{what} cannot be used: {type(error).__name__}; look at {setting}"
        ) from error
