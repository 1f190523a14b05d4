"""Who may change which message over HTTP, and what it looks like afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from yarl import URL

from server.state import keys
from tests.conftest import MakeSettings
from tests.website.site import Answer, Site, Visitor, open_site
from tests.website.test_rooms import page_data

PEOPLE = ("stranger", "ex-member", "banned", "member", "moderator", "owner", "author")
ALLOWED = {
    "edit": {"author"},
    "delete": {"author", "owner", "moderator"},
    "pin": {"owner", "moderator"},
    "react": {"author", "owner", "moderator", "member"},
    "take back": {"author", "owner", "moderator", "member"},
}


async def say(visitor: Visitor, room: str, text: str, cid: str) -> str:
    """Say something; returns its position."""
    body = {"cid": cid, "text": text}
    answer = await visitor.send("POST", f"/api/v1/rooms/{room}/messages", body)
    assert answer.status == 200, answer.text
    return f"{answer.json['epoch']}-{answer.json['seq']}"


async def change(visitor: Visitor, room: str, at: str, what: str, query: str = "") -> Answer:
    message = f"/api/v1/rooms/{room}/messages/{at}"
    if what == "edit":
        return await visitor.send("PATCH", message, {"text": "edited"})
    if what == "delete":
        return await visitor.ask("DELETE", message + query)
    if what == "pin":
        return await visitor.ask("PUT", f"/api/v1/rooms/{room}/pins/{at}{query}")
    method = "PUT" if what == "react" else "DELETE"
    return await visitor.ask(method, f"{message}/reactions/👍{query}")


async def last(visitor: Visitor, room: str) -> Any:
    """The newest message of the room."""
    events = (await visitor.get(f"/api/v1/rooms/{room}/messages")).json["events"]
    return [event for event in events if event["ev"] == "message"][-1]


@pytest.fixture
async def site(make_settings: MakeSettings) -> AsyncIterator[Site]:
    """A website where one may talk as fast as a test does."""
    async with open_site(make_settings(send_rate=0)) as opened:
        yield opened


@pytest.mark.parametrize("visibility", ["public", "private"])
async def test_who_may_do_what_to_a_message(site: Site, visibility: str) -> None:
    people = {name: await site.script(name.replace("-", "")) for name in PEOPLE}
    owner, author = people["owner"], people["author"]
    room = (
        await owner.send("POST", "/api/v1/rooms", {"name": "kitchen", "visibility": visibility})
    ).json["id"]
    ids = {name: (await people[name].get("/api/v1/me")).json["id"] for name in PEOPLE}
    assert (await owner.get(f"/chatrooms/chat/{room}")).status == 200
    members = keys.room_keys(site.deps.client.partition_of(room), room).members
    for name in ("banned", "member", "moderator", "author"):
        role = name if name in {"banned", "moderator"} else "member"
        await site.deps.client.execute("HSET", members, ids[name], f"{role} {name.title()}")
    if visibility == "public":
        assert (await people["ex-member"].get(f"/chatrooms/chat/{room}")).status == 200
        left = await people["ex-member"].send("DELETE", f"/api/v1/rooms/{room}/membership")
        assert left.status == 200
    for what, allowed in ALLOWED.items():
        for number, name in enumerate(PEOPLE):
            at = await say(author, room, "hi", f"{what.replace(' ', '-')}{number}")
            answer = await change(people[name], room, at, what)
            if name in allowed:
                assert answer.status == 200, (what, name, answer.text)
                continue
            hidden = visibility == "private" or name == "banned"
            expected = (403, "forbidden")
            if name in {"stranger", "ex-member", "banned"}:
                expected = (404, "room_not_found") if hidden else (403, "not_a_member")
            assert (answer.status, answer.code) == expected, (what, name)
            assert (await last(owner, room)).keys() & {"edited", "deleted", "reactions"} == set()


async def test_a_changed_message_is_shown_as_it_is_now(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    at = await say(alice, room, "hi", "c1")
    me = (await alice.get("/api/v1/me")).json
    person = {"id": me["id"], "name": me["name"]}
    assert (await change(alice, room, at, "edit")).status == 200
    assert (await change(alice, room, at, "react")).status == 200
    message = await last(alice, room)
    assert (message["text"], message["edited"]["seq"]) == ("edited", 2)
    assert message["reactions"] == [{"emoji": "👍", "users": [person]}]
    (item,) = (await alice.get("/api/v1/rooms")).json["rooms"]
    assert (item["last"]["text"], item["last"]["deleted"]) == ("edited", False)
    assert (await change(alice, room, at, "take back")).status == 200
    assert "reactions" not in await last(alice, room)
    assert (await change(alice, room, at, "delete")).status == 200
    message = await last(alice, room)
    assert (message["text"], message["deleted"]["user"]) == ("", person)
    (item,) = (await alice.get("/api/v1/rooms")).json["rooms"]
    assert (item["last"]["text"], item["last"]["deleted"]) == ("", True)
    for what in ("edit", "delete", "react"):
        answer = await change(alice, room, at, what)
        assert (answer.status, answer.code) == (404, "message_not_found")


async def test_the_page_goes_on_after_the_changes_that_it_shows(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    at = await say(alice, room, "hi", "c1")
    await change(alice, room, at, "edit")
    page = await alice.get(f"/chatrooms/chat/{room}")
    assert page.status == 200
    assert "edited" in page.text
    data = page_data(page.text)
    assert (data["position"]["seq"], data["role"]) == (2, "owner")
    await change(alice, room, at, "delete")
    page = await alice.get(f"/chatrooms/chat/{room}")
    assert page_data(page.text)["position"]["seq"] == 3


async def test_a_change_with_a_cid_may_be_repeated(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    at = await say(alice, room, "hi", "c1")
    for what in ("react", "take back", "delete"):
        query = f"?cid={what.replace(' ', '-')}"
        first = await change(alice, room, at, what, query)
        again = await change(alice, room, at, what, query)
        assert (first.json["dup"], again.json["dup"]) == (False, True)
        assert again.json["seq"] == first.json["seq"]


@pytest.mark.parametrize("at", ["x", "1", "1-1", "-", "1-1-1", "9007199254740993-1"])
async def test_what_is_no_message_is_not_found(site: Site, at: str) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    await say(alice, room, "hi", "c1")
    for what in ("edit", "delete", "react"):
        answer = await change(alice, room, at, what)
        assert (answer.status, answer.code) == (404, "message_not_found")


@pytest.mark.parametrize("emoji", ["ok", "%20", "%F0%9F%91%8D%F0%9F%91%8Dx", "%00", "%FF", "1"])
async def test_what_is_no_emoji_is_refused(site: Site, emoji: str) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    at = await say(alice, room, "hi", "c1")
    path = f"{site.base}/api/v1/rooms/{room}/messages/{at}/reactions/{emoji}"
    async with alice._session.put(URL(path, encoded=True), headers=alice.headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] in {"invalid_emoji", "bad_request"}
    assert "reactions" not in await last(alice, room)


@pytest.mark.parametrize("emoji", ["👍", "❤️", "#️⃣", "👨‍👩‍👧‍👦"])
async def test_every_emoji_fits_into_an_address(site: Site, emoji: str) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    at = await say(alice, room, "hi", "c1")
    url = URL(f"{site.base}/api/v1/rooms/{room}/messages/{at}/reactions/") / emoji
    async with alice._session.put(url, headers=alice.headers) as answer:
        assert answer.status == 200
    assert (await last(alice, room))["reactions"][0]["emoji"] == emoji
