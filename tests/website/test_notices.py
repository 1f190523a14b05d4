"""Notices by forms and by the API."""

from __future__ import annotations

import pytest

from server.domain.notices import Level
from tests.push.service import Browser
from tests.website.site import Site

QUIET = {"pause": "60", "quiet_from": "22:30", "quiet_to": "07:00", "time_zone": "Europe/Moscow"}


async def test_quiet_hours_are_set_by_a_form(site: Site) -> None:
    alice = await site.browser("alice")
    answer = await alice.post("/profile/notices", QUIET)
    assert (answer.status, answer.location) == (303, "/profile/notices?saved")
    page = (await alice.get(answer.location)).text
    for shown in ('value="22:30"', 'value="07:00"', 'value="Europe/Moscow"', "Paused until"):
        assert shown in page
    kept = await alice.post("/profile/notices", QUIET | {"pause": "keep"})
    assert kept.status == 303
    me = await site.browser("alice", new=False)
    assert (await me.get("/api/v1/notices")).json["quiet_now"]
    await alice.post("/profile/notices", QUIET | {"pause": "0", "quiet_from": "", "quiet_to": ""})
    assert not (await me.get("/api/v1/notices")).json["quiet_now"]


@pytest.mark.parametrize(
    "wrong", [{"quiet_to": ""}, {"quiet_from": "25:00"}, {"time_zone": "Mars/Crater"}]
)
async def test_a_wrong_time_is_shown_beside_what_was_written(
    site: Site, wrong: dict[str, str]
) -> None:
    alice = await site.browser("alice")
    answer = await alice.post("/profile/notices", QUIET | wrong)
    assert answer.status == 400
    assert 'role="alert"' in answer.text
    for value in (QUIET | wrong).values():
        assert f'value="{value}"' in answer.text


async def test_the_level_of_a_room_is_set_by_a_form(site: Site) -> None:
    alice, bob = await site.browser("alice"), await site.browser("bob")
    room = await site.room(alice)
    path = f"/chatrooms/notices/{room}"
    assert 'value="mentions" checked' in (await alice.get(path)).text
    answer = await alice.post(path, {"level": "all"})
    assert answer.location == f"/chatrooms/chat/{room}"
    assert 'value="all" checked' in (await alice.get(path)).text
    user = (await alice.get("/api/v1/me")).json["id"]
    assert await site.deps.notices.levels(user) == {room: Level.ALL}
    assert (await bob.post(path, {"level": "all"})).status == 403
    assert (await alice.post(path, {"level": "some"})).status == 400


async def test_without_a_key_nobody_subscribes(site: Site) -> None:
    alice = await site.script("alice")
    answer = await alice.send(
        "PUT", "/api/v1/push", Browser("https://push.example.org/a").subscription
    )
    assert answer.status == 404
    assert (await alice.get("/api/v1/notices")).json["push_key"] == ""
