"""Which errors of Redis pass by themselves when a process starts, and which never do."""

from __future__ import annotations

from typing import Final

from redis.exceptions import (
    AuthenticationError,
    ClusterError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

_NAMED: Final = (
    ClusterError,
    RedisClusterException,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
_WORDS: Final = ("BUSY", "LOADING", "MISCONF", "NOREPLICAS", "CLUSTERDOWN", "UNBLOCKED")
"""First words of replies for which redis-py has no class: a long script, a disk that refuses
writes, replicas that are not there yet (https://redis.io/docs/latest/develop/reference/)."""


def passing_reason(error: Exception) -> str | None:
    """Name an error that waiting may mend; None for a wrong password or an unknown command.

    The name has nothing of the address in it.
    """
    if isinstance(error, ResponseError):
        word = str(error).split(" ", 1)[0]
        if word in _WORDS:
            return word
        return type(error).__name__ if isinstance(error, _NAMED) else None
    if isinstance(error, AuthenticationError):
        return None
    passing = isinstance(error, (RedisError, OSError, TimeoutError, RuntimeError, *_NAMED))
    return type(error).__name__ if passing else None
