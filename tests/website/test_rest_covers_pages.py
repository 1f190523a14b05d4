"""Whatever the page can do, a program can: each form and each op has its operation."""

from __future__ import annotations

from typing import Final

from server.domain.commands import _FIELDS
from server.website.openapi import PREFIX, operations
from tests.website.site import Site

ROOM: Final = "rooms/{room_id}"
MESSAGE: Final = f"{ROOM}/messages/{{position}}"
USER: Final = "admin/users/{user_id}"
HOOKS: Final = f"{ROOM}/hooks"

FORMS: Final[dict[str, tuple[str, ...]]] = {
    "/register/": ("POST register",),
    "/login/": ("POST token",),
    "/logout/": ("DELETE sessions/{session_id}",),
    "/token": ("POST token",),
    "/chatrooms/create": ("POST rooms",),
    "/chatrooms/delete/{room_id}": (f"DELETE {ROOM}",),
    "/chatrooms/direct/{user_id}": ("POST direct/{user_id}",),
    "/chatrooms/chat/{room_id}": (f"POST {ROOM}/messages",),
    "/chatrooms/files/{room_id}": (f"POST {ROOM}/files", f"POST {ROOM}/messages"),
    "/chatrooms/pins/{room_id}/{position}/remove": (f"DELETE {ROOM}/pins/{{position}}",),
    "/chatrooms/settings/{room_id}": (f"PATCH {ROOM}",),
    "/chatrooms/settings/{room_id}/invites": (f"POST {ROOM}/invites",),
    "/chatrooms/settings/{room_id}/invites/{invite_id}/revoke": (
        f"DELETE {ROOM}/invites/{{invite_id}}",
    ),
    "/chatrooms/settings/{room_id}/people/{user_id}": (
        f"PUT {ROOM}/members/{{user_id}}",
        f"DELETE {ROOM}/members/{{user_id}}",
        f"PUT {ROOM}/bans/{{user_id}}",
        f"DELETE {ROOM}/bans/{{user_id}}",
    ),
    "/join/{token}": ("POST invites/{token}",),
    "/profile/name": ("PATCH me",),
    "/profile/language": ("PATCH me",),
    "/profile/password": ("PUT me/password",),
    "/profile/sessions/end-others": ("DELETE sessions",),
    "/profile/sessions/{session_id}/end": ("DELETE sessions/{session_id}",),
    "/profile/notices": ("PATCH notices",),
    "/chatrooms/notices/{room_id}": (f"PUT {ROOM}/notices",),
    "/chatrooms/favourite/{room_id}": (f"PUT {ROOM}/favourite", f"DELETE {ROOM}/favourite"),
    "/profile/tokens/": ("POST tokens",),
    "/profile/tokens/{token_id}/revoke": ("DELETE tokens/{token_id}",),
    "/rooms/{room_id}/hooks/incoming": (f"POST {HOOKS}/incoming",),
    "/rooms/{room_id}/hooks/incoming/{hook_id}/revoke": (f"DELETE {HOOKS}/incoming/{{hook_id}}",),
    "/rooms/{room_id}/hooks/outgoing": (f"POST {HOOKS}/outgoing",),
    "/rooms/{room_id}/hooks/outgoing/{hook_id}/remove": (f"DELETE {HOOKS}/outgoing/{{hook_id}}",),
    "/rooms/{room_id}/hooks/outgoing/{hook_id}/again": (
        f"POST {HOOKS}/outgoing/{{hook_id}}/again",
    ),
    "/profile/delete": ("DELETE me",),
    "/profile/export": ("GET me/export",),
    "/admin/users/{user_id}/change": (f"PATCH {USER}", f"DELETE {USER}/sessions"),
    "/admin/users/{user_id}/password": (f"POST {USER}/password",),
    "/admin/users/{user_id}/reset-link": (f"POST {USER}/reset-link",),
    "/admin/users/{user_id}/delete": (f"DELETE {USER}",),
    "/admin/users/{user_id}/export": (f"GET {USER}/export",),
    "/admin/rooms/{room_id}/delete": ("DELETE admin/rooms/{room_id}",),
    "/admin/rooms/{room_id}/owner": ("PATCH admin/rooms/{room_id}",),
    "/admin/rooms/{room_id}/export": ("GET admin/rooms/{room_id}/export",),
    "/admin/audit/export": ("GET admin/audit/export",),
}
NO_OPERATION: Final = {
    "/language": "chooses the language of a browser's pages",
    "/reset/{token}": "is where a link leads that a person was given",
    "/hooks/{hook_id}/{secret}": "is for programs itself",
}
OPS: Final[dict[str, tuple[str, ...]]] = {
    "send": (f"POST {ROOM}/messages",),
    "edit": (f"PATCH {MESSAGE}",),
    "delete": (f"DELETE {MESSAGE}",),
    "react": (f"PUT {MESSAGE}/reactions/{{emoji}}", f"DELETE {MESSAGE}/reactions/{{emoji}}"),
    "pin": (f"PUT {ROOM}/pins/{{position}}", f"DELETE {ROOM}/pins/{{position}}"),
    "read": (f"PUT {ROOM}/read",),
    "history": (f"GET {ROOM}/messages",),
}
LIVE_ONLY: Final = {
    "subscribe": "hearing is what the socket is for",
    "unsubscribe": "ends that",
    "typing": "is over before an answer is back",
    "refresh": "keeps the socket open",
    "ping": "asks whether the socket lives",
}


def described(site: Site) -> set[str]:
    return {
        f"{method.upper()} {path.removeprefix(PREFIX)}"
        for path, method in operations(site.app.router)
    }


async def test_every_form_of_a_page_has_its_operation(site: Site) -> None:
    forms = set()
    for route in site.app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        if route.method == "POST" and not path.startswith(PREFIX):
            forms.add(path)
    assert forms == {*FORMS, *NO_OPERATION}
    wanted = {each for found in FORMS.values() for each in found}
    assert wanted <= described(site)


async def test_every_op_of_the_socket_has_its_operation(site: Site) -> None:
    assert set(_FIELDS) == {*OPS, *LIVE_ONLY}
    assert {each for found in OPS.values() for each in found} <= described(site)
