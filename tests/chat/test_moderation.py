"""Moderation reaches the sockets at once, and a resume shows the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.runtime.settings import Settings
from server.state.moderation import Action
from tests.chat.town import Town, open_town


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Town]:
    async with open_town(settings) as opened:
        yield opened


@pytest.mark.parametrize("action", [Action.REMOVE, Action.BAN])
async def test_who_is_put_out_hears_that_last_on_every_replica(town: Town, action: Action) -> None:
    alice, bob = await town.person("alice"), await town.person("bob")
    room = await town.room(alice)
    first, second = await town.replica(), await town.replica()
    hers, _ = await first.enter(alice, room)
    his, _ = await second.enter(bob, room)
    await his.say(room, "hello")
    assert await town.archive.moderate(room, alice.user, bob.user, action)
    reason = "removed" if action is Action.REMOVE else "banned"
    for talker in (hers, his):
        left = await talker.event("left")
        assert (left["user"]["id"], left["reason"]) == (bob.user.id, reason)
    await hers.say(room, "he is gone")
    assert await his.refused("send", room=room, cid="c9", text="hi") == "not_a_member"
    assert "he is gone" not in his.texts(room)
    if action is Action.BAN:
        assert await his.refused("subscribe", room=room) == "not_a_member"
        assert await town.archive.moderate(room, alice.user, bob.user, Action.UNBAN)
    assert (await his.ask("subscribe", room=room))["role"] == "member"


async def test_a_muted_member_is_told_and_refused_until_he_may_speak_again(town: Town) -> None:
    alice, bob = await town.person("alice"), await town.person("bob")
    room = await town.room(alice)
    replica = await town.replica()
    hers, _ = await replica.enter(alice, room)
    his, _ = await replica.enter(bob, room)
    said = await his.say(room, "hello")
    await town.archive.moderate(room, alice.user, bob.user, Action.MUTED)
    told = await his.event("role")
    assert (told["role"], told["by"]["id"]) == ("muted", alice.user.id)
    assert await his.refused("send", room=room, cid="c9", text="hi") == "muted"
    place = {"room": room, "epoch": said["epoch"], "seq": said["seq"]}
    assert await his.refused("edit", cid="c10", text="other", **place) == "muted"
    await hers.say(room, "listen")
    await his.until(lambda: "listen" in his.texts(room))
    await town.archive.moderate(room, alice.user, bob.user, Action.MEMBER)
    await his.say(room, "thank you", "c9")


async def test_a_resume_and_a_page_of_history_show_roles_as_they_came(town: Town) -> None:
    alice, bob = await town.person("alice"), await town.person("bob")
    room = await town.room(alice)
    replica = await town.replica()
    hers, _ = await replica.enter(alice, room)
    await replica.enter(bob, room)
    start = await hers.say(room, "hello")
    for action in (Action.MODERATOR, Action.MUTED, Action.BAN, Action.UNBAN):
        await town.archive.moderate(room, alice.user, bob.user, action)
    await hers.event("left", reason="unbanned")
    kinds = ("role", "left")
    live = [event for event in hers.events if event["ev"] in kinds]
    again, _ = await replica.enter(alice, room, (start["epoch"], start["seq"]))
    await again.event("left", reason="unbanned")
    assert [event for event in again.events if event["ev"] in kinds] == live
    after = {"epoch": start["epoch"], "seq": start["seq"]}
    page = await hers.ask("history", room=room, after=after)
    assert [event for event in page["events"] if event["ev"] in kinds] == live
