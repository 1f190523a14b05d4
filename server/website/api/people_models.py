"""What goes in and out of the API about the people of a room and its invitations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from server.website.api.models import Output, PersonModel
from server.website.inputs import Input


class MembersQuery(Input):
    """Which members."""

    search: str = Field("", max_length=100, description="Part of a name")


class MemberModel(PersonModel):
    """A member, or somebody who is banned."""

    role: Literal["owner", "moderator", "member", "muted", "banned"]
    actions: list[str] = Field(description="What the reader may do with this person")


class MembersModel(Output):
    """The members of a room: who leads first, then by name."""

    members: int = Field(description="All members")
    found: int = Field(description="Those whose names match, also those that are not listed")
    people: list[MemberModel]


class RoleInput(Input):
    """What a member is from now on; ``muted`` may read, but not write."""

    role: Literal["moderator", "member", "muted"]


class ModeratedModel(PersonModel):
    """What was done with whom."""

    action: str


class NewInviteInput(Input):
    """An invitation to make; without ``uses`` any number of people may use it."""

    expires: Literal["never", "hour", "day", "week"] = "week"
    uses: int | None = Field(None, ge=1, le=1000)


class InviteModel(Output):
    """An invitation; times are Unix milliseconds, null where there is no limit."""

    id: str
    by: PersonModel
    state: Literal["good", "expired", "used_up", "revoked"]
    created_at: int
    expires_at: int | None
    uses: int
    uses_max: int | None


class NewInviteModel(InviteModel):
    """An invitation just made: its link is told once."""

    token: str
    url: str


class InvitesModel(Output):
    """The invitations of a room that were not revoked, the newest first."""

    invites: list[InviteModel]


class InvitationModel(Output):
    """Where an invitation leads."""

    room: str
    name: str
    description: str
    by: PersonModel
