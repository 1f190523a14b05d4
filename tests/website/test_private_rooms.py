"""A private room is not there for people who are not in it."""

from __future__ import annotations

from tests.website.site import Site, Visitor
from tests.website.test_rooms import page_data, say


async def names(visitor: Visitor, query: str = "") -> list[str]:
    answer = await visitor.get(f"/api/v1/rooms{query}")
    return sorted(room["name"] for room in answer.json["rooms"])


async def attempts(mallory: Visitor, room: str) -> dict[str, int]:
    """Every way to learn of a room, and the status of the answer."""
    at = f"/api/v1/rooms/{room}"
    found = {path: (await mallory.get(at + path)).status for path in ("", "/messages", "/people")}
    found["/members"] = (await mallory.get(f"{at}/members")).status
    found["/invites"] = (await mallory.get(f"{at}/invites")).status
    message = {"cid": "c1", "text": "hi"}
    found["say"] = (await mallory.send("POST", f"{at}/messages", message)).status
    found["read"] = (await mallory.send("PUT", f"{at}/read", {"epoch": 1, "seq": 1})).status
    found["change"] = (await mallory.send("PATCH", at, {"description": "mine"})).status
    found["ban"] = (await mallory.send("PUT", f"{at}/bans/nobody")).status
    found["page"] = (await mallory.get(f"/chatrooms/chat/{room}")).status
    found["settings"] = (await mallory.get(f"/chatrooms/settings/{room}")).status
    return found


async def test_a_room_made_private_by_the_form_is_hidden_from_everybody_else(site: Site) -> None:
    alice, mallory = await site.browser("alice"), await site.script("mallory")
    form = {"name": "attic", "visibility": "private"}
    made = await alice.post("/chatrooms/create", form)
    room = made.location.rpartition("/")[2]
    page = await alice.get(made.location)
    assert "private room" in page.text
    assert page_data((await alice.get("/chatrooms/")).text)["rooms"][0]["name"] == "attic"
    assert await names(mallory) == await names(mallory, "?search=att") == []
    assert set((await attempts(mallory, room)).values()) == {404}


async def test_a_room_may_be_made_private_and_public_again(site: Site) -> None:
    alice, bob, mallory = [await site.script(name) for name in ("alice", "bob", "mallory")]
    room = await site.room(alice, "kitchen")
    await say(bob, room, "hello")
    at = f"/api/v1/rooms/{room}"
    answer = await alice.send("PATCH", at, {"visibility": "private"})
    assert answer.json["visibility"] == "private"
    assert set((await attempts(mallory, room)).values()) == {404}
    assert await names(mallory) == []
    # Who was in stays in, and only the owner decides.
    await say(bob, room, "still here")
    assert (await bob.send("PATCH", at, {"visibility": "public"})).code == "forbidden"
    assert (await alice.send("PATCH", at, {"visibility": "public"})).status == 200
    await say(mallory, room, "thank you")


async def test_a_room_that_nobody_has_entered_yet_is_made_private_too(site: Site) -> None:
    alice, mallory = await site.script("alice"), await site.script("mallory")
    room = await site.room(alice, "kitchen")
    assert (await alice.send("PATCH", f"/api/v1/rooms/{room}", {"visibility": "private"})).json
    assert (await mallory.get(f"/chatrooms/chat/{room}")).status == 404


async def test_a_description_is_shown_on_the_room_and_in_lists(site: Site) -> None:
    alice, bob = await site.browser("alice"), await site.browser("bob")
    room = await site.room(alice, "kitchen")
    assert (await alice.get(f"/chatrooms/settings/{room}")).status == 200
    form = {"description": "  Tea <b>and</b>\tbiscuits ", "visibility": "public"}
    answer = await alice.post(f"/chatrooms/settings/{room}", form)
    assert answer.status == 303, answer.text
    shown = "Tea &lt;b&gt;and&lt;/b&gt; biscuits"
    for page in (
        await bob.get("/chatrooms/"),
        await bob.get(f"/chatrooms/chat/{room}"),
        await alice.get(f"/chatrooms/settings/{room}?done"),
    ):
        assert shown in page.text
    answer = await alice.post(f"/chatrooms/settings/{room}", {"description": "x" * 301})
    assert answer.status == 400
    assert "The description is too long." in answer.text
    assert (await bob.get(f"/chatrooms/settings/{room}")).status == 403
