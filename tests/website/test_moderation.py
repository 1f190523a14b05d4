"""Who may say what others are in a room, and what they may do then."""

from __future__ import annotations

import pytest

from tests.website.site import Answer, Site, Visitor
from tests.website.test_rooms import say


async def id_of(visitor: Visitor) -> str:
    return str((await visitor.get("/api/v1/me")).json["id"])


async def set_role(by: Visitor, room: str, user: str, role: str) -> Answer:
    return await by.send("PUT", f"/api/v1/rooms/{room}/members/{user}", {"role": role})


async def speak(visitor: Visitor, room: str, cid: str) -> Answer:
    message = {"cid": cid, "text": "hello"}
    return await visitor.send("POST", f"/api/v1/rooms/{room}/messages", message)


@pytest.mark.parametrize("role", ["moderator", "member", "stranger", "muted"])
async def test_each_role_may_do_what_is_its_own_and_no_more(site: Site, role: str) -> None:
    alice, bob, carol = [await site.script(name) for name in ("alice", "bob", "carol")]
    dave, erin = await site.script("dave"), await site.script("erin")
    room = await site.room(alice)
    for each in (carol, dave, *([bob] if role != "stranger" else [])):
        await say(each, room, "hello")
    hers, bobs, carols, daves = [await id_of(each) for each in (alice, bob, carol, dave)]
    assert (await set_role(alice, room, carols, "moderator")).status == 200
    if role in {"moderator", "muted"}:
        assert (await set_role(alice, room, bobs, role)).status == 200
    at = f"/api/v1/rooms/{room}"
    erins = await id_of(erin)
    deeds = {
        "mute": ("PUT", f"{at}/members/{daves}", {"role": "muted"}),
        "unmute": ("PUT", f"{at}/members/{daves}", {"role": "member"}),
        "ban": ("PUT", f"{at}/bans/{erins}", None),
        "unban": ("DELETE", f"{at}/bans/{erins}", None),
        "remove": ("DELETE", f"{at}/members/{daves}", None),
        "describe": ("PATCH", at, {"description": "Tea"}),
        "invite": ("POST", f"{at}/invites", {}),
        "promote": ("PUT", f"{at}/members/{daves}", {"role": "moderator"}),
        "demote": ("PUT", f"{at}/members/{carols}", {"role": "member"}),
        "remove a moderator": ("DELETE", f"{at}/members/{carols}", None),
        "ban a moderator": ("PUT", f"{at}/bans/{carols}", None),
        "mute the owner": ("PUT", f"{at}/members/{hers}", {"role": "muted"}),
        "ban the owner": ("PUT", f"{at}/bans/{hers}", None),
        "raise himself": ("PUT", f"{at}/members/{bobs}", {"role": "moderator"}),
        "ban himself": ("PUT", f"{at}/bans/{bobs}", None),
        "publish": ("PATCH", at, {"visibility": "private"}),
    }
    allowed = set()
    for name, (method, path, body) in deeds.items():
        if name == "promote":
            await say(dave, room, "back again")
        answer = await bob.send(method, path, body)
        if answer.status < 300:
            allowed.add(name)
        else:
            assert answer.code in {"forbidden", "not_a_member"}, (name, answer.text)
    own = {"mute", "unmute", "ban", "unban", "remove", "describe", "invite"}
    assert allowed == (own if role == "moderator" else set())


async def test_who_is_muted_reads_on_and_writes_nothing(site: Site) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    room = await site.room(alice)
    posted = await speak(bob, room, "c1")
    user = await id_of(bob)
    assert (await set_role(alice, room, user, "muted")).status == 200
    assert (await speak(bob, room, "c2")).code == "muted"
    message = f"/api/v1/rooms/{room}/messages/{posted.json['epoch']}-{posted.json['seq']}"
    assert (await bob.send("PATCH", message, {"text": "other"})).code == "muted"
    assert (await bob.send("PUT", f"{message}/reactions/👍")).code == "muted"
    page = await site.browser("bob", new=False)
    shown = await page.get(f"/chatrooms/chat/{room}")
    assert shown.status == 200
    assert "Bob may only read now" in shown.text
    assert (await set_role(alice, room, user, "member")).status == 200
    assert (await speak(bob, room, "c2")).status == 200


async def test_who_is_banned_is_out_until_the_ban_is_lifted(site: Site) -> None:
    alice, mallory = await site.script("alice"), await site.script("mallory")
    room = await site.room(alice)
    await say(mallory, room, "hello")
    ban = f"/api/v1/rooms/{room}/bans/{await id_of(mallory)}"
    assert (await alice.send("PUT", ban)).status == 200
    assert (await alice.send("PUT", ban)).status == 200
    assert (await speak(mallory, room, "c9")).code == "room_not_found"
    assert (await mallory.get(f"/chatrooms/chat/{room}")).status == 404
    assert (await mallory.get("/api/v1/rooms")).json["rooms"] == []
    members = (await alice.get(f"/api/v1/rooms/{room}/members")).json
    assert [each["role"] for each in members["people"]] == ["owner", "banned"]
    assert (members["members"], members["people"][1]["actions"]) == (1, ["unban"])
    assert (await alice.send("DELETE", ban)).status == 200
    assert (await alice.send("DELETE", ban)).code == "person_not_found"
    assert (await speak(mallory, room, "c9")).status == 200


async def test_people_are_moderated_by_forms(site: Site) -> None:
    alice, bob = await site.browser("alice"), await site.script("bob")
    room = await site.room(alice)
    await say(bob, room, "hello")
    user = await id_of(bob)
    at = f"/chatrooms/settings/{room}"
    page = await alice.get(f"{at}?q=bo")
    assert "What to do with Bob" in page.text
    answer = await alice.post(f"{at}/people/{user}", {"action": "muted"})
    assert answer.status == 303, answer.text
    assert "may only read" in (await alice.get(at)).text
    assert (await alice.post(f"{at}/people/{user}", {"action": "owner"})).status == 400
    assert (await alice.post(f"{at}/people/nobody", {"action": "remove"})).status == 404
