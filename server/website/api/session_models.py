"""What goes in and out of the API about sessions and personal tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from server.website.api.models import Output
from server.website.inputs import Input


class SessionModel(Output):
    """A place where one is logged in; times are Unix milliseconds."""

    id: str
    current: bool
    user_agent: str
    ip: str
    created_at: int
    last_seen_at: int
    expires_at: int


class SessionsModel(Output):
    """Where one is logged in, the one used last first."""

    sessions: list[SessionModel]


class PasswordChange(Input):
    """The password of today and the next."""

    current: str
    new: str


class ApiTokenInput(Input):
    """A personal token to make."""

    name: str
    scopes: list[Literal["read", "write", "rooms"]] = Field(min_length=1, max_length=3)
    expires_days: int | None = Field(None, ge=1, le=3650, description="Without it, never")


class NewApiTokenModel(Output):
    """A new token: keep it, it is shown this once."""

    id: str
    token: str


class ApiTokenModel(Output):
    """A personal token; times are Unix milliseconds, null for never."""

    id: str
    name: str
    scopes: list[Literal["read", "write", "rooms"]]
    created_at: int
    used_at: int | None = Field(description="Exact to some minutes")
    expires_at: int | None


class ApiTokensModel(Output):
    """The own tokens that work, the newest first."""

    tokens: list[ApiTokenModel]
