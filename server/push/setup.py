"""Web Push of one writer, where a key for it is set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.domain.records import Row
from server.runtime.process import StartError
from server.runtime.settings import Settings
from server.runtime.supervise import Tasks
from server.storage.notices import Notices
from server.storage.pool import Pool


def start_push(
    settings: Settings, pool: Pool, tasks: Tasks
) -> Callable[[Sequence[Row]], None] | None:
    """Start the tasks that tell people of messages; returns what takes saved ones.

    Raises:
        StartError: the key is none.
    """
    key = settings.vapid_private_key.get_secret_value()
    if not key:
        return None
    # Not needed by a writer without a key: cryptography, and aiohttp's client.
    from server.auth.vapid import Vapid
    from server.push.notifier import Notifier
    from server.push.sender import Sender

    try:
        vapid = Vapid(key, settings.push_subject)
    except ValueError as error:
        raise StartError(f"VAPID_PRIVATE_KEY cannot be used: {error}") from error
    notices = Notices(pool)
    sender = Sender(settings, vapid, notices)
    notifier = Notifier(settings, notices, sender)
    tasks.start("push sender", sender.run)
    tasks.start("push notifier", notifier.run)
    return notifier.offer
