"""What goes in and out of the API about searching."""

from __future__ import annotations

from pydantic import Field

from server.website.api.models import FileModel, Output, PersonModel, PositionModel
from server.website.inputs import Input


class SearchQuery(Input):
    """What is searched for."""

    q: str = Field(
        "", max_length=1000, description="Words, phrases, from: in: has:file before: after:"
    )
    after: str = Field("", max_length=120, description="`next` of the page before")
    limit: int = Field(20, ge=1, le=50)


class SegmentModel(Output):
    """A piece of a text; ``found`` is what was looked for."""

    text: str
    found: bool


class FoundRoom(Output):
    """The room of a message."""

    id: str
    name: str


class FoundModel(PositionModel):
    """A message that was found: in segments the part of its text that shows why."""

    room: FoundRoom
    at: int = Field(description="Unix milliseconds")
    user: PersonModel
    edited: bool
    files: list[FileModel] = Field(description="What it carries")
    segments: list[SegmentModel]
    url: str = Field(description="The room, open around the message")


class SearchModel(Output):
    """Messages that this person may read, the newest first."""

    results: list[FoundModel]
    next: str = Field(description="Where the next page begins; empty when this is the last")
