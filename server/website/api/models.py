"""What the JSON API takes and gives; the OpenAPI document is made of these."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from server.domain.files import FILES_PER_MESSAGE
from server.domain.positions import NUMBER_MAX
from server.website.inputs import Input

Epoch = Field(ge=0, le=NUMBER_MAX, description="Grows whenever Redis may have lost something")
Seq = Field(ge=0, le=NUMBER_MAX, description="Counts the room's events without a hole")


class Output(BaseModel):
    """Base of what the server gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PositionModel(Output):
    """A place in a room's history."""

    epoch: int = Epoch
    seq: int = Seq


class PersonModel(Output):
    """A person as others see them."""

    id: str
    name: str


class ErrorBody(Output):
    """Why a request was refused; ``code`` is a stable word."""

    code: str
    message: str
    retry_ms: int | None = Field(None, description="Try again after so many milliseconds")
    request_id: str | None = Field(None, description="Tell it to the administrator")


class ErrorModel(Output):
    """Every refusal looks like this."""

    error: ErrorBody


class RegisterInput(Input):
    """A new account; without a name it gets what stands before the ``@``."""

    email: str
    password: str
    name: str = ""


class CredentialsInput(Input):
    """E-mail and password."""

    email: str
    password: str


class AccountModel(Output):
    """The own account; ``created_at`` is Unix milliseconds."""

    id: str
    email: str
    name: str
    language: str = Field(description="ru, en, or empty for the browser's")
    is_admin: bool
    created_at: int


class AccountChange(Input):
    """What of the account changes; what is left out stays."""

    name: str | None = None
    language: Literal["", "en", "ru"] | None = None


class TokenModel(Output):
    """An access token for the ``Authorization`` header."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the scheme (RFC 6750)
    expires_in: int = Field(description="Seconds")


class NewRoomInput(Input):
    """A room to make."""

    name: str
    visibility: Literal["public", "private"] = "public"
    description: str = ""


class RoomChange(Input):
    """What of a room changes; what is left out stays."""

    visibility: Literal["public", "private"] | None = None
    description: str | None = None


class RoomModel(Output):
    """A room; ``created_at`` is Unix milliseconds."""

    id: str
    name: str
    owner_id: str
    visibility: Literal["public", "private"]
    description: str
    direct: bool = Field(description="Two people talk here; the name is the other's")
    created_at: int
    url: str


class RoomDetails(RoomModel):
    """A room as this person sees it; ``role`` is empty for a stranger."""

    role: str
    members: int
    online: int
    unread: int
    messages: int
    position: PositionModel


class LastModel(Output):
    """The newest message of a room, cut; a deleted one has no text."""

    name: str
    text: str
    at: int
    deleted: bool


class RoomItemModel(Output):
    """A room in a list."""

    id: str
    name: str
    url: str
    visibility: Literal["public", "private"]
    description: str
    direct: bool
    mine: bool
    member: bool
    role: str
    members: int
    online: int
    unread: int
    mentions: int = Field(description="Unread messages that mention this person, up to 100")
    favourite: bool = Field(description="Starred by this person")
    last: LastModel | None
    position: PositionModel


class RoomsModel(Output):
    """Rooms: own ones first, of these the favourites, then the last active."""

    rooms: list[RoomItemModel]


class RoomsQuery(Input):
    """Which rooms."""

    search: str = Field("", max_length=100, description="Part of a name")
    mine: bool = Field(False, description="Only rooms that this person is in")


class DeletedModel(Output):
    """What was deleted or ended."""

    id: str
    deleted: Literal[True] = True


class HistoryQuery(Input):
    """Which events; without an edge the newest."""

    before: str = Field("", max_length=40, description="Older than this position, epoch-seq")
    after: str = Field("", max_length=40, description="Newer than this position, epoch-seq")
    limit: int = Field(50, ge=1, le=500)


class ReactionModel(Output):
    """One emoji under a message, and who put it there, the first one first."""

    emoji: str
    users: list[PersonModel]


class EditedModel(PositionModel):
    """The last edit of a message."""

    at: int = Field(description="Unix milliseconds")


class DeletedMessageModel(EditedModel):
    """The deletion of a message: its text is empty, and no edits and reactions are shown."""

    user: PersonModel


class FileModel(Output):
    """A file that a message carries; pixels of images only."""

    id: str
    name: str
    type: str = Field(description="As its content says")
    bytes: int
    width: int | SkipJsonSchema[None] = None
    height: int | SkipJsonSchema[None] = None


class PinnedModel(EditedModel):
    """The pin of a message, and who put it there."""

    user: PersonModel


class EventModel(BaseModel):
    """An event as it came on the socket; each kind has fields of its own besides.

    A message is shown as it is now: ``edited``, ``deleted``, ``pinned`` and ``reactions`` are
    there where there is something to say.
    """

    model_config = ConfigDict(extra="allow")

    ev: Literal["message", "joined", "left", "role", "room_deleted"]
    room: str
    epoch: int = Epoch
    seq: int = Seq
    at: int = Field(description="Unix milliseconds")
    user: PersonModel
    reply: PositionModel | SkipJsonSchema[None] = None
    files: list[FileModel] | SkipJsonSchema[None] = None
    edited: EditedModel | SkipJsonSchema[None] = None
    deleted: DeletedMessageModel | SkipJsonSchema[None] = None
    pinned: PinnedModel | SkipJsonSchema[None] = None
    reactions: list[ReactionModel] | SkipJsonSchema[None] = None


class VersionModel(PositionModel):
    """A text that a message had from ``at`` on; the position is the edit's."""

    at: int = Field(description="Unix milliseconds")
    text: str


class HistoryModel(Output):
    """A page of history, oldest first."""

    events: list[EventModel]
    more: bool = Field(description="There is more in that direction")
    position: PositionModel = Field(description="The newest event of the room")
    saved: PositionModel = Field(description="Everything up to here is in PostgreSQL")


CID: Final = r"^[A-Za-z0-9_-]{1,64}$"


class PlaceInput(Input):
    """Where a message stands."""

    epoch: int = Epoch
    seq: int = Seq


class MessageInput(Input):
    """A message; the same ``cid`` again is the same message."""

    cid: str = Field(pattern=CID)
    text: str
    reply: PlaceInput | None = Field(None, description="Where the message stands that it answers")
    files: list[str] = Field(
        [],
        max_length=FILES_PER_MESSAGE,
        description="Tokens of uploads; the text may be empty then",
    )


class EditInput(Input):
    """Another text; the same ``cid`` again is the same edit."""

    text: str
    cid: str | None = Field(None, pattern=CID)


class ChangeQuery(Input):
    """Makes a change repeatable: the same ``cid`` again is the same change."""

    cid: str | None = Field(None, pattern=CID)


class PostedModel(Output):
    """Where the message or its change stands; ``dup`` says that it stood there before."""

    epoch: int = Epoch
    seq: int = Seq
    at: int = Field(description="Unix milliseconds")
    dup: bool


class ReadInput(Input):
    """Everything up to here was read."""

    epoch: int = Epoch
    seq: int = Seq


class ReadModel(Output):
    """Messages that are still unread."""

    unread: int


class OnlinePerson(PersonModel):
    """Somebody who is here now."""

    role: str


class PeopleModel(Output):
    """Who is here now."""

    online: int
    people: list[OnlinePerson]


class DocumentModel(BaseModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
