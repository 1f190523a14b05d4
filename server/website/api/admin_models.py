"""What the API of administrators takes and gives."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.domain.positions import NUMBER_MAX
from server.website.api.models import Output, PersonModel
from server.website.inputs import Input

PAGES_MAX = 100_000


class UsersQuery(Input):
    """Which accounts; ``page`` counts from 1."""

    search: str = ""
    state: Literal["", "active", "disabled", "admins", "deleted"] = ""
    page: int = Field(1, ge=1, le=PAGES_MAX)


class UserModel(Output):
    """An account; times are Unix milliseconds."""

    id: str
    email: str
    name: str
    is_admin: bool
    disabled: bool
    deleted: bool
    created_at: int
    sessions: int = Field(description="That let this person in")
    seen_at: int | None


class UsersModel(Output):
    """Accounts, the newest first."""

    users: list[UserModel]
    more: bool


class UserChange(Input):
    """What of an account changes; what is left out stays."""

    disabled: bool | None = None
    is_admin: bool | None = None


class ChangedUser(Output):
    """An account after a change."""

    id: str
    is_admin: bool
    disabled: bool


class EndedModel(Output):
    """Sessions that ended."""

    ended: int


class PasswordModel(Output):
    """A temporary password; it is shown only here."""

    password: str


class ResetLinkModel(Output):
    """A link that sets a new password: it is shown only here; ``ends_at`` is Unix ms."""

    url: str
    ends_at: int


class FarewellQuery(Input):
    """What becomes of a person's texts and rooms; there is no default for the texts."""

    texts: Literal["keep", "erase"]
    rooms: Literal["keep", "delete"] = "keep"


class FarewellInput(FarewellQuery):
    """The deletion of the own account, with its password."""

    password: str


class RoomsQuery(Input):
    """Which rooms; ``page`` counts from 1."""

    search: str = ""
    state: Literal["", "public", "private", "deleted"] = ""
    page: int = Field(1, ge=1, le=PAGES_MAX)


class OwnerModel(PersonModel):
    """Who owns a room."""

    email: str


class AnyRoomModel(Output):
    """A room as administrators see it; times are Unix milliseconds."""

    id: str
    name: str
    visibility: Literal["public", "private"]
    deleted: bool
    owner: OwnerModel
    members: int
    messages: int
    created_at: int
    active_at: int


class AnyRoomsModel(Output):
    """Rooms, the last active first."""

    rooms: list[AnyRoomModel]
    more: bool


class OwnerChange(Input):
    """A room's next owner, by id or e-mail."""

    owner: str


class ChangedRoom(Output):
    """A room after a change."""

    id: str
    owner_id: str


class AuditQuery(Input):
    """Which lines; times are Unix milliseconds, ``before`` is the id of a line."""

    who: str = Field("", description="Id or e-mail")
    action: str = ""
    target: str = Field("", description="Id or e-mail")
    since: int = Field(0, ge=0, le=NUMBER_MAX)
    until: int = Field(NUMBER_MAX, ge=0, le=NUMBER_MAX)
    before: int = Field(NUMBER_MAX, ge=0, le=NUMBER_MAX)


class DeedModel(Output):
    """Who did what, on whom, when and from where."""

    id: int
    at: int
    actor: PersonModel
    action: str
    target: PersonModel
    details: dict[str, Any]
    address: str


class AuditModel(Output):
    """Lines, the newest first."""

    lines: list[DeedModel]
    more: bool


class ExportLine(BaseModel):
    """One line of an export: ``line`` or ``ev`` says of what; the last one is ``end``."""

    model_config = ConfigDict(extra="allow")
