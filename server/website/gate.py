"""Who may pass to what administrators do: they alone, and for others there is nothing there."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.storage.audit import Actor
from server.website.deps import DEPS
from server.website.visit import identity_of, visit_of


async def administrator_of(request: web.Request) -> Actor:
    """Return the administrator who asks, as PostgreSQL knows him now.

    Raises:
        Refusal: ``not_found`` for everybody else who is logged in; ``unauthorized``;
            ``unavailable``.
    """
    deps, identity = request.app[DEPS], identity_of(request)
    account = await deps.users.by_id(identity.user.id)
    if (
        account is None
        or account.disabled
        or not (account.is_admin or deps.identities.is_admin(account.email))
    ):
        raise Refusal("not_found")
    return Actor(account.id, account.name, visit_of(request).address)


async def pass_to_page(request: web.Request) -> Actor:
    """Return the administrator; to a stranger the page does not even say that it exists.

    Raises:
        Refusal: ``not_found``, ``unavailable``.
    """
    if visit_of(request).identity is None:
        raise Refusal("not_found")
    return await administrator_of(request)
