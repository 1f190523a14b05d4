"""Invitations into rooms: make, list, revoke, look at, use."""

from __future__ import annotations

from aiohttp import web

from server.domain.scopes import Scope
from server.storage.invites import Invite
from server.website import invites
from server.website.answers import json_answer
from server.website.api.models import DeletedModel, PersonModel, RoomModel
from server.website.api.operation import operation
from server.website.api.people_models import (
    InvitationModel,
    InviteModel,
    InvitesModel,
    NewInviteInput,
    NewInviteModel,
)
from server.website.deps import DEPS
from server.website.inputs import read_json, room_id_of
from server.website.pages.rooms import describe
from server.website.visit import identity_of, link_to

routes = web.RouteTableDef()

REFUSALS = ("forbidden", "not_a_member", "room_not_found")


@routes.get("/api/v1/rooms/{room_id}/invites")
@operation("List the invitations of a room", InvitesModel, refusals=REFUSALS, scope=Scope.ROOMS)
async def listed(request: web.Request) -> web.StreamResponse:
    """List invitations, the newest first; the owner and the moderators may."""
    found = await invites.of_room(request.app[DEPS], identity_of(request), room_id_of(request))
    return json_answer(InvitesModel(invites=[InviteModel(**_fields(each)) for each in found]))


@routes.post("/api/v1/rooms/{room_id}/invites")
@operation(
    "Make an invitation",
    NewInviteModel,
    status=201,
    body=NewInviteInput,
    refusals=("bad_request", *REFUSALS),
    scope=Scope.ROOMS,
)
async def create(request: web.Request) -> web.StreamResponse:
    """Make a link by which people come in; it is told here and nowhere else."""
    identity = identity_of(request)
    asked = await read_json(request, NewInviteInput)
    made, token = await invites.create(
        request.app[DEPS], identity, room_id_of(request), asked.expires, asked.uses
    )
    url = link_to(request, f"/join/{token}")
    return json_answer(NewInviteModel(**_fields(made), token=token, url=url), 201)


@routes.delete("/api/v1/rooms/{room_id}/invites/{invite_id}")
@operation(
    "Revoke an invitation",
    DeletedModel,
    refusals=(*REFUSALS, "invite_invalid"),
    scope=Scope.ROOMS,
)
async def revoke(request: web.Request) -> web.StreamResponse:
    """Make a link void; who came in by it stays."""
    invite_id = request.match_info["invite_id"]
    deps, identity = request.app[DEPS], identity_of(request)
    await invites.revoke(deps, identity, room_id_of(request), invite_id)
    return json_answer(DeletedModel(id=invite_id))


@routes.get("/api/v1/invites/{token}")
@operation(
    "Look at an invitation",
    InvitationModel,
    refusals=("invite_invalid", "invite_over"),
    scope=Scope.READ,
)
async def show(request: web.Request) -> web.StreamResponse:
    """Tell where an invitation leads, without using it."""
    identity_of(request)
    invite, room = await invites.look(request.app[DEPS], request.match_info["token"])
    by = PersonModel(**invite.made_by._asdict())
    return json_answer(
        InvitationModel(room=room.id, name=room.name, description=room.description, by=by)
    )


@routes.post("/api/v1/invites/{token}")
@operation(
    "Join by an invitation",
    RoomModel,
    refusals=("invite_invalid", "invite_over", "room_not_found", "storage_backlog"),
    scope=Scope.WRITE,
)
async def join(request: web.Request) -> web.StreamResponse:
    """Come into the room; a member already uses nothing of the invitation."""
    identity = identity_of(request)
    room = await invites.accept(request.app[DEPS], identity, request.match_info["token"])
    return json_answer(RoomModel.model_validate(describe(room)))


def _fields(invite: Invite) -> dict[str, object]:
    return {
        "id": invite.id,
        "by": PersonModel(**invite.made_by._asdict()),
        "state": invite.state,
        "created_at": invite.created_at,
        "expires_at": invite.expires_at,
        "uses": invite.uses,
        "uses_max": invite.uses_max,
    }
