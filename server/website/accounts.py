"""Registering, logging in, logging out, and changing a password: the steps behind the pages.

Each says in words what it promises; what the form and the API do differently is theirs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from server.auth.identity import Identity, cookie_name, hash_secret, new_secret
from server.domain.errors import Refusal
from server.domain.text import clean_email, clean_name
from server.runtime.instruments import LOGINS, REGISTRATIONS
from server.runtime.settings import Settings
from server.state.throttle import Counter, whose_account, whose_address
from server.storage.users import Account
from server.website.deps import WebsiteDeps
from server.website.visit import Visit

DAY_S: Final = 24 * 3600

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new session: its secret for the cookie, a token for programs. Keep both out of logs."""

    account: Account
    session_id: str
    secret: str
    token: str

    def __repr__(self) -> str:
        return f"LoggedIn(session_id={self.session_id!r})"


async def register(
    deps: WebsiteDeps, visit: Visit, email: str, password: str, name: str = ""
) -> Account:
    """Open an account; without a ``name`` it gets what stands before the ``@``.

    Raises:
        Refusal: ``invalid_email``, ``email_taken``, a refusal of the password or the name,
            ``throttled``, ``busy``, ``unavailable``.
    """
    try:
        account = await _open(deps, visit, email, password, name)
    except Refusal as refusal:
        REGISTRATIONS.labels(refusal.code).inc()
        raise
    REGISTRATIONS.labels("ok").inc()
    logger.info("an account was opened", extra={"user": account.id, "address": visit.address})
    return account


async def log_in(
    deps: WebsiteDeps, visit: Visit, email: str, password: str, user_agent: str
) -> LoggedIn:
    """Begin a session. An unknown person and a wrong password look and last the same.

    Raises:
        Refusal: ``wrong_credentials``, ``throttled``, ``busy``, ``unavailable``.
    """
    try:
        account = await _recognise(deps, visit, email, password)
    except Refusal as refusal:
        LOGINS.labels(refusal.code).inc()
        logger.info("a log-in was refused", extra={"code": refusal.code, "address": visit.address})
        raise
    logged_in = await begin_session(deps, visit, account, user_agent)
    LOGINS.labels("ok").inc()
    logger.info("a session began", extra={"user": account.id, "address": visit.address})
    return logged_in


async def begin_session(
    deps: WebsiteDeps, visit: Visit, account: Account, user_agent: str
) -> LoggedIn:
    """Begin a session with a new secret, whatever cookie the browser had."""
    secret = new_secret()
    session_hash = hash_secret(secret)
    ends_at = int((time.time() + deps.settings.session_days * DAY_S) * 1000)
    session_id = await deps.sessions.create(
        account.id, session_hash, user_agent, visit.address, ends_at
    )
    token = deps.tokens.issue(account.id, session_hash)
    return LoggedIn(account, session_id, secret, token)


async def change_password(deps: WebsiteDeps, identity: Identity, current: str, new: str) -> None:
    """Change the password and end every other session of this person.

    Raises:
        Refusal: ``wrong_credentials``, a refusal of the new password, ``throttled``,
            ``busy``, ``unavailable``.
    """
    account = await confirm(deps, identity, current)
    deps.passwords.check(new, account.email, account.name)
    await deps.users.set_password(account.id, await deps.passwords.hash(new))
    await end_other_sessions(deps, identity)
    logger.info("a password was changed", extra={"user": account.id})


async def confirm(deps: WebsiteDeps, identity: Identity, password: str) -> Account:
    """Make sure that it is the person who asks, by the password; returns the account.

    Raises:
        Refusal: ``wrong_credentials``, ``throttled``, ``busy``, ``unavailable``.
    """
    account = await deps.users.by_id(identity.user.id)
    if account is None or account.disabled:
        raise Refusal("unauthorized")
    tries = Counter("account", whose_account(account.email), deps.settings.login_attempts)
    await deps.throttle.take(tries)
    if not await deps.passwords.verify(password, account.password_hash):
        raise Refusal("wrong_credentials")
    await deps.throttle.forgive(tries)
    return account


async def end_session(deps: WebsiteDeps, user_id: str, session_id: str) -> bool:
    """End one session of a person; False when there is none of that id.

    Raises:
        Refusal: ``unavailable`` when PostgreSQL cannot be told.
    """
    session_hash = await deps.sessions.end(session_id, user_id)
    if session_hash is None:
        return False
    await make_known(deps, [session_hash], [session_id])
    logger.info("a session ended", extra={"user": user_id, "session": session_id})
    return True


async def end_other_sessions(deps: WebsiteDeps, identity: Identity) -> int:
    """End every session of this person but the one at hand; returns how many."""
    ids = {row.token_hash: row.id for row in await deps.sessions.list(identity.user.id)}
    ended = await deps.sessions.end_all(identity.user.id, identity.session_hash)
    await make_known(deps, ended, [ids[each] for each in ended if each in ids])
    return len(ended)


async def forget_cached(deps: WebsiteDeps, user_id: str) -> None:
    """Let the next request of each session read the account again: it has changed."""
    hashes = [row.token_hash for row in await deps.sessions.list(user_id)]
    hashes += [token.token_hash for token in await deps.api_tokens.list(user_id)]
    try:
        await deps.cache.forget(hashes)
    except Refusal:
        logger.warning("a changed account shows late: Redis is away", extra={"user": user_id})


def set_session_cookie(answer: web.StreamResponse, settings: Settings, secret: str) -> None:
    """Give the browser its session (RFC 6265bis): no script reads it, no other site sends it."""
    answer.set_cookie(
        cookie_name(settings),
        secret,
        max_age=settings.session_days * DAY_S,
        path="/",
        secure=settings.secure,
        httponly=True,
        samesite="Lax",
    )


def drop_session_cookie(answer: web.StreamResponse, settings: Settings) -> None:
    """Take it away again, with the same flags: a ``__Host-`` cookie is not deleted otherwise."""
    answer.del_cookie(
        cookie_name(settings), path="/", secure=settings.secure, httponly=True, samesite="Lax"
    )


async def make_known(deps: WebsiteDeps, hashes: Iterable[str], ids: Iterable[str]) -> None:
    """Let every process forget ended sessions and tokens, and close their sockets."""
    try:
        await deps.cache.drop(*hashes)
        for session_id in ids:
            await deps.cache.announce_end(session_id)
    except Refusal:
        # PostgreSQL has it: a cached record is checked against it within minutes.
        logger.warning("an ended session is known late: Redis is away")


async def _open(deps: WebsiteDeps, visit: Visit, email: str, password: str, name: str) -> Account:
    settings = deps.settings
    email = clean_email(email)
    name = clean_name(name, settings.user_name_chars) if name.strip() else _name_of(email, settings)
    deps.passwords.check(password, email, name)
    address = Counter("register", whose_address(visit.address), settings.registrations_ip)
    async with _attempt(deps, address):
        if await deps.users.by_email(email) is not None:
            raise Refusal("email_taken")
        hashed = await deps.passwords.hash(password)
        return await deps.users.create(email, name, hashed, "")


@asynccontextmanager
async def _attempt(deps: WebsiteDeps, *counters: Counter) -> AsyncIterator[None]:
    """Count an attempt; one that nobody could judge does not count.

    Raises:
        Refusal: ``throttled``.
    """
    await deps.throttle.take(*counters)
    try:
        yield
    except Refusal as refusal:
        if refusal.code in {"unavailable", "busy"}:
            await deps.throttle.give_back(*counters)
        raise


async def _recognise(deps: WebsiteDeps, visit: Visit, email: str, password: str) -> Account:
    settings = deps.settings
    try:
        email = clean_email(email)
        known = True
    except Refusal:
        email, known = email[:100], False
    tries = Counter("account", whose_account(email), settings.login_attempts)
    address = Counter("address", whose_address(visit.address), settings.login_attempts_ip)
    async with _attempt(deps, tries, address):
        account = await deps.users.by_email(email) if known else None
        # A bot has no password: nobody logs in as one.
        hashed = None if account is None or account.disabled else account.password_hash or None
        if not await deps.passwords.verify(password, hashed) or account is None:
            raise Refusal("wrong_credentials")
    await deps.throttle.forgive(tries)
    await deps.throttle.give_back(address)
    if deps.passwords.outdated(account.password_hash):
        await deps.users.set_password(account.id, await deps.passwords.hash(password))
    return account


def _name_of(email: str, settings: Settings) -> str:
    try:
        return clean_name(
            email.partition("@")[0][: settings.user_name_chars], settings.user_name_chars
        )
    except Refusal:
        return "user"
