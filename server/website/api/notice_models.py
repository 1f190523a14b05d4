"""What the JSON API takes and gives of notices."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from server.domain.positions import NUMBER_MAX
from server.website.api.models import Output
from server.website.inputs import Input


class NoticesModel(Output):
    """What a person is told of; times of day are ``HH:MM`` in ``time_zone``, or empty."""

    paused_until: int = Field(description="Unix milliseconds; nothing is told until then")
    quiet_from: str
    quiet_to: str
    time_zone: str = Field(description="A name of the IANA list")
    quiet_now: bool
    levels: dict[str, Literal["all", "mentions", "nothing"]] = Field(
        description="By room; a room that is not here tells of mentions"
    )
    push_key: str = Field(description="Key for applicationServerKey; empty: nothing is pushed")
    subscribed: bool = Field(description="Whether this session's device gets push messages")


class NoticesChange(Input):
    """What of it changes; what is left out stays."""

    paused_until: int | None = Field(None, ge=0, le=NUMBER_MAX)
    quiet_from: str | None = None
    quiet_to: str | None = None
    time_zone: str | None = None


class LevelInput(Input):
    """Which messages of a room to be told of."""

    level: Literal["all", "mentions", "nothing"]


class SubscriptionInput(Input):
    """Where a push service takes messages for this device (W3C Push API)."""

    endpoint: str
    p256dh: str = Field(max_length=200)
    auth: str = Field(max_length=100)
