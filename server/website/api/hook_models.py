"""What goes in and out of the API about webhooks."""

from __future__ import annotations

from pydantic import Field

from server.website.api.models import Output
from server.website.inputs import Input


class IncomingInput(Input):
    """A hook that speaks into a room as a bot of that name."""

    name: str
    bot_name: str


class IncomingModel(Output):
    """A hook that speaks into a room; times are Unix milliseconds."""

    id: str
    name: str
    bot_name: str
    created_at: int
    used_at: int | None = Field(description="Exact to a minute; null for never")


class IncomingsModel(Output):
    """The incoming webhooks of a room, the newest first."""

    hooks: list[IncomingModel]


class AddressModel(Output):
    """The address of an incoming webhook: keep it, it is shown this once."""

    id: str
    url: str


class OutgoingInput(Input):
    """A hook that hears a room."""

    name: str
    url: str


class OutgoingModel(Output):
    """A hook that hears a room; times are Unix milliseconds, null for never."""

    id: str
    name: str
    url: str
    created_at: int
    delivered_at: int | None
    failing_since: int | None
    dead_at: int | None = Field(description="It is not tried any more since then")
    last_error: str


class OutgoingsModel(Output):
    """The outgoing webhooks of a room, the newest first."""

    hooks: list[OutgoingModel]


class SecretModel(Output):
    """What signs the deliveries of an outgoing webhook: keep it, it is shown this once."""

    id: str
    secret: str


class RevivedModel(Output):
    """A hook that is tried again."""

    id: str
