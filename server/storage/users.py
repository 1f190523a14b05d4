"""Accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from server.domain.errors import Refusal
from server.domain.ids import new_id
from server.domain.rooms import User
from server.storage.pool import Pool
from server.storage.sql import queries


@dataclass(frozen=True, slots=True)
class Account:
    """A person who can log in. ``created_at`` is Unix milliseconds.

    ``email`` is in lower case; ``language`` is ``ru``, ``en`` or ``""`` for the browser's.
    """

    id: str
    email: str
    name: str
    password_hash: str
    language: str
    is_admin: bool
    disabled: bool
    created_at: int

    @property
    def user(self) -> User:
        """The person as others see them."""
        return User(self.id, self.name)

    def __repr__(self) -> str:
        # The e-mail and the hash must not get into a log or a traceback.
        return f"Account(id={self.id!r})"


class Users:
    """Every account; all methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(
        self, email: str, name: str, password_hash: str, language: str, is_admin: bool = False
    ) -> Account:
        """Open an account.

        Raises:
            Refusal: ``email_taken``: of two at the same moment one gets it.
        """
        async with self._pool.connection() as connection:
            try:
                row = await queries.create_user(
                    connection,
                    id=new_id(),
                    email=email.lower(),
                    name=name,
                    password_hash=password_hash,
                    language=language,
                    is_admin=is_admin,
                )
            except asyncpg.UniqueViolationError as error:
                raise Refusal("email_taken") from error
        return account_of(row)

    async def by_email(self, email: str) -> Account | None:
        """Find an account by its e-mail, in any case."""
        async with self._pool.connection() as connection:
            row = await queries.user_by_email(connection, email=email.lower())
        return None if row is None else account_of(row)

    async def by_id(self, user_id: str) -> Account | None:
        """Find an account by its id."""
        async with self._pool.connection() as connection:
            row = await queries.user_by_id(connection, id=user_id)
        return None if row is None else account_of(row)

    async def rename(self, user_id: str, name: str) -> None:
        """Show another name from now on; what was said keeps the name it was said under."""
        async with self._pool.connection() as connection:
            await queries.rename_user(connection, id=user_id, name=name)

    async def set_language(self, user_id: str, language: str) -> None:
        """Speak ``ru``, ``en`` or (``""``) the browser's language with this person."""
        async with self._pool.connection() as connection:
            await queries.set_user_language(connection, id=user_id, language=language)

    async def set_password(self, user_id: str, password_hash: str) -> None:
        """Accept another password; ending the sessions is the caller's to do."""
        async with self._pool.connection() as connection:
            await queries.set_user_password(connection, id=user_id, password_hash=password_hash)


def account_of(row: Any) -> Account:
    """Decode the ``users`` columns of a row."""
    return Account(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        password_hash=row["password_hash"],
        language=row["language"],
        is_admin=row["is_admin"],
        disabled=row["disabled_at"] is not None,
        created_at=row["created_at"],
    )
