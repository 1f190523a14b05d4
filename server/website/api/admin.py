"""Accounts, rooms and the audit log, for administrators; to others none of it is there."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.storage.audit import Filter, Target
from server.storage.users import Account
from server.website import administration, exports, resets
from server.website.answers import json_answer
from server.website.api.admin_models import (
    AnyRoomModel,
    AnyRoomsModel,
    AuditModel,
    AuditQuery,
    ChangedRoom,
    ChangedUser,
    DeedModel,
    EndedModel,
    ExportLine,
    FarewellQuery,
    OwnerChange,
    PasswordModel,
    ResetLinkModel,
    RoomsQuery,
    UserChange,
    UserModel,
    UsersModel,
    UsersQuery,
)
from server.website.api.models import DeletedModel
from server.website.api.operation import operation
from server.website.deps import DEPS, WebsiteDeps
from server.website.gate import administrator_of
from server.website.inputs import read_json, read_query, room_id_of
from server.website.listings import room_fields, user_fields
from server.website.visit import link_to, visit_of

routes = web.RouteTableDef()

PAGE: Final = 50
NO_PROGRAM: Final = "no token administers; scripts use `python -m server admin`."


@routes.get("/api/v1/admin/users")
@operation(
    "Accounts",
    UsersModel,
    query=UsersQuery,
    refusals=("bad_request", "not_found"),
    people_only=NO_PROGRAM,
)
async def users(request: web.Request) -> web.StreamResponse:
    """List accounts."""
    await administrator_of(request)
    deps, query = request.app[DEPS], read_query(request, UsersQuery)
    rows = await deps.administration.users(
        query.search, query.state, limit=PAGE + 1, offset=(query.page - 1) * PAGE
    )
    found = [UserModel.model_validate(user_fields(deps, row)) for row in rows[:PAGE]]
    return json_answer(UsersModel(users=found, more=len(rows) > PAGE))


@routes.patch("/api/v1/admin/users/{user_id}")
@operation(
    "Disable or enable an account, or make it an administrator",
    ChangedUser,
    body=UserChange,
    refusals=("bad_request", "forbidden", "not_found"),
    people_only=NO_PROGRAM,
)
async def change_user(request: web.Request) -> web.StreamResponse:
    """Change an account, not the own one."""
    actor = await administrator_of(request)
    deps, asked = request.app[DEPS], await read_json(request, UserChange)
    account = await _account(request)
    if asked.disabled is not None:
        await administration.set_disabled(deps, actor, account.id, disabled=asked.disabled)
    if asked.is_admin is not None:
        await administration.set_admin(deps, actor, account.id, is_admin=asked.is_admin)
    account = await _account(request)
    changed = ChangedUser(id=account.id, is_admin=account.is_admin, disabled=account.disabled)
    return json_answer(changed)


@routes.delete("/api/v1/admin/users/{user_id}")
@operation(
    "Delete an account",
    DeletedModel,
    query=FarewellQuery,
    refusals=("bad_request", "forbidden", "not_found"),
    people_only=NO_PROGRAM,
)
async def delete_user(request: web.Request) -> web.StreamResponse:
    """Delete an account, not the own one; its texts and rooms as the query says."""
    actor = await administrator_of(request)
    deps, query = request.app[DEPS], read_query(request, FarewellQuery)
    account = await _account(request)
    if account.id == actor.id:
        raise Refusal("forbidden", "You cannot do this to your own account.")
    await administration.delete_user(
        deps,
        actor,
        account.id,
        language=visit_of(request).language,
        erase_texts=query.texts == "erase",
        delete_rooms=query.rooms == "delete",
    )
    return json_answer(DeletedModel(id=account.id))


@routes.delete("/api/v1/admin/users/{user_id}/sessions")
@operation(
    "Log somebody out everywhere", EndedModel, refusals=("not_found",), people_only=NO_PROGRAM
)
async def end_sessions(request: web.Request) -> web.StreamResponse:
    """End all sessions of a person."""
    actor = await administrator_of(request)
    account = await _account(request)
    ended = await administration.end_sessions(request.app[DEPS], actor, account.id)
    return json_answer(EndedModel(ended=ended))


@routes.post("/api/v1/admin/users/{user_id}/password")
@operation(
    "Give somebody a temporary password",
    PasswordModel,
    refusals=("not_found", "busy"),
    people_only=NO_PROGRAM,
)
async def reset_password(request: web.Request) -> web.StreamResponse:
    """Reset a password and end all sessions."""
    actor = await administrator_of(request)
    account = await _account(request)
    password = await administration.reset_password(request.app[DEPS], actor, account.id)
    return json_answer(PasswordModel(password=password))


@routes.post("/api/v1/admin/users/{user_id}/reset-link")
@operation(
    "Make a link that sets a new password",
    ResetLinkModel,
    refusals=("forbidden", "not_found"),
    people_only=NO_PROGRAM,
)
async def reset_link(request: web.Request) -> web.StreamResponse:
    """Make a link that works once, for a day; the password of now counts until it is used."""
    actor = await administrator_of(request)
    account = await _account(request)
    made = await resets.make(request.app[DEPS], actor, account.id)
    return json_answer(ResetLinkModel(url=link_to(request, made.path), ends_at=made.ends_at))


@routes.get("/api/v1/admin/users/{user_id}/export")
@operation(
    "All that is kept of a person",
    ExportLine,
    refusals=("not_found",),
    lines=True,
    people_only=NO_PROGRAM,
)
async def export_user(request: web.Request) -> web.StreamResponse:
    """Send a person's data as a file."""
    actor = await administrator_of(request)
    deps, account = request.app[DEPS], await _account(request)
    await deps.audit.note(actor, "user.export", Target(account.id, account.name))
    lines = exports.user_lines(deps, account)
    return await exports.send(request, lines, f"account-{account.id}.jsonl")


@routes.get("/api/v1/admin/rooms")
@operation(
    "All rooms",
    AnyRoomsModel,
    query=RoomsQuery,
    refusals=("bad_request", "not_found"),
    people_only=NO_PROGRAM,
)
async def rooms(request: web.Request) -> web.StreamResponse:
    """List rooms of all kinds."""
    await administrator_of(request)
    deps, query = request.app[DEPS], read_query(request, RoomsQuery)
    rows = await deps.administration.rooms(
        query.search, query.state, limit=PAGE + 1, offset=(query.page - 1) * PAGE
    )
    found = [AnyRoomModel.model_validate(room_fields(row)) for row in rows[:PAGE]]
    return json_answer(AnyRoomsModel(rooms=found, more=len(rows) > PAGE))


@routes.patch("/api/v1/admin/rooms/{room_id}")
@operation(
    "Give a room to somebody else",
    ChangedRoom,
    body=OwnerChange,
    refusals=(
        *("bad_request", "not_a_member", "not_found", "room_not_found"),
        *("forbidden", "room_unavailable"),
    ),
    people_only=NO_PROGRAM,
)
async def change_owner(request: web.Request) -> web.StreamResponse:
    """Change the owner; a stranger comes into a public room on the way."""
    actor = await administrator_of(request)
    deps, asked = request.app[DEPS], await read_json(request, OwnerChange)
    owner = await administration.find_user(deps, asked.owner)
    room_id = room_id_of(request)
    await administration.change_owner(deps, actor, room_id, owner.user)
    return json_answer(ChangedRoom(id=room_id, owner_id=owner.id))


@routes.delete("/api/v1/admin/rooms/{room_id}")
@operation(
    "Delete any room",
    DeletedModel,
    refusals=("not_found", "room_not_found"),
    people_only=NO_PROGRAM,
)
async def delete_room(request: web.Request) -> web.StreamResponse:
    """Delete a room for everybody."""
    actor = await administrator_of(request)
    room = await administration.delete_room(request.app[DEPS], actor, room_id_of(request))
    return json_answer(DeletedModel(id=room.id))


@routes.get("/api/v1/admin/rooms/{room_id}/export")
@operation(
    "The history of a room",
    ExportLine,
    refusals=("not_found", "room_not_found"),
    lines=True,
    people_only=NO_PROGRAM,
)
async def export_room(request: web.Request) -> web.StreamResponse:
    """Send a room's history as a file."""
    actor = await administrator_of(request)
    deps, room_id = request.app[DEPS], room_id_of(request)
    room = await deps.rooms.by_id(room_id)
    if room is None or room.deleted:
        raise Refusal("room_not_found")
    await deps.audit.note(actor, "room.export", Target(room.id, room.name))
    return await exports.send(request, exports.room_lines(deps, room), f"room-{room.id}.jsonl")


@routes.get("/api/v1/admin/audit")
@operation(
    "The audit log",
    AuditModel,
    query=AuditQuery,
    refusals=("bad_request", "not_found"),
    people_only=NO_PROGRAM,
)
async def audit(request: web.Request) -> web.StreamResponse:
    """List lines of the audit log."""
    await administrator_of(request)
    deps, query = request.app[DEPS], read_query(request, AuditQuery)
    deeds = await deps.audit.page(await _filter(deps, query), PAGE + 1, query.before)
    lines = [DeedModel.model_validate(deed.as_dict()) for deed in deeds[:PAGE]]
    return json_answer(AuditModel(lines=lines, more=len(deeds) > PAGE))


@routes.get("/api/v1/admin/audit/export")
@operation(
    "The audit log as a file",
    ExportLine,
    query=AuditQuery,
    refusals=("bad_request", "not_found"),
    lines=True,
    people_only=NO_PROGRAM,
)
async def export_audit(request: web.Request) -> web.StreamResponse:
    """Send the lines that the query chooses."""
    actor = await administrator_of(request)
    deps, query = request.app[DEPS], read_query(request, AuditQuery)
    which = await _filter(deps, query)
    await deps.audit.note(actor, "audit.export", Target("", ""))
    return await exports.send(request, exports.audit_lines(deps, which), "audit.jsonl")


async def _filter(deps: WebsiteDeps, query: AuditQuery) -> Filter:
    return Filter(
        actor=await administration.id_of(deps, query.who),
        action=query.action,
        target=await administration.id_of(deps, query.target),
        since=query.since,
        until=query.until,
    )


async def _account(request: web.Request) -> Account:
    user_id = request.match_info["user_id"]
    if not is_id(user_id):
        raise Refusal("not_found")
    return await request.app[DEPS].administration.user(user_id)
