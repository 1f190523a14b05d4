"""Setting a password that was lost, by a link that an administrator made."""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

from server.auth import reset
from server.domain.errors import Refusal
from server.storage.audit import Actor, Target
from server.storage.users import Account
from server.website import administration
from server.website.deps import WebsiteDeps
from server.website.visit import Visit

logger = logging.getLogger(__name__)


class Link(NamedTuple):
    """A path that sets a password, once, until ``ends_at`` (Unix ms). Keep it out of logs."""

    path: str
    ends_at: int


async def make(deps: WebsiteDeps, actor: Actor, user_id: str) -> Link:
    """Make a link for an account; until it is used the password of now counts.

    Raises:
        Refusal: ``not_found``, also for a bot; ``forbidden`` for a disabled account;
            ``unavailable``.
    """
    account = await deps.administration.user(user_id)
    if not account.password_hash:
        raise Refusal("not_found")
    if account.disabled:
        raise Refusal("forbidden", "Enable the account first.")
    token, ends_at = reset.issue(deps.settings.secret, account.id, account.password_hash, _now())
    await deps.audit.note(actor, "user.reset_link", Target(account.id, account.name))
    return Link(f"/reset/{token}", ends_at)


async def look(deps: WebsiteDeps, token: str) -> Account:
    """Return whose password a link sets, without using it.

    Raises:
        Refusal: ``reset_over`` for whatever is no link that works; ``unavailable``.
    """
    claim = reset.read(token)
    account = None if claim is None else await deps.users.by_id(claim.user_id)
    if (
        claim is None
        or account is None
        or account.disabled
        or not account.password_hash
        or not reset.is_valid(deps.settings.secret, claim, account.password_hash, _now())
    ):
        raise Refusal("reset_over")
    return account


async def use(deps: WebsiteDeps, visit: Visit, token: str, password: str) -> None:
    """Set the password and end all sessions; the link is over from now on.

    Raises:
        Refusal: as ``look``; a refusal of the password; ``busy``.
    """
    account = await look(deps, token)
    deps.passwords.check(password, account.email, account.name)
    hashed = await deps.passwords.hash(password)
    # Of two who use it at once, one is the first: the hash of before must still be there.
    ended = await deps.administration.replace_password(
        Actor(*account.user, visit.address), account, hashed
    )
    if ended is None:
        raise Refusal("reset_over")
    await administration.cut(deps, account.id, ended)
    logger.info("a password was set by a link", extra={"user": account.id})


def _now() -> int:
    return int(time.time() * 1000)
