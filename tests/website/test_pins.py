"""Pinned messages and older texts over HTTP: in the API and on a page without scripts."""

from __future__ import annotations

from tests.website.site import Site
from tests.website.test_changes import change, say
from tests.website.test_moderation import id_of


async def test_a_pin_is_listed_shown_and_taken_away_by_a_form(site: Site) -> None:
    alice = await site.browser("alice")
    program = await site.script("alice", new=False)
    room = await site.room(alice)
    at = await say(program, room, "the wifi password", "c1")
    answer = await program.ask("PUT", f"/api/v1/rooms/{room}/pins/{at}?cid=p1")
    assert (answer.status, answer.json["dup"]) == (200, False)
    again = await program.ask("PUT", f"/api/v1/rooms/{room}/pins/{at}")
    assert again.json == {**answer.json, "dup": True}
    (pin,) = (await alice.get(f"/api/v1/rooms/{room}/pins")).json["pins"]
    assert (pin["text"], pin["pinned"]["seq"]) == ("the wifi password", 2)
    page = await alice.get(f"/chatrooms/chat/{room}")
    assert "message--pinned" in page.text
    assert f"/chatrooms/pins/{room}" in page.text
    assert "the wifi password" in (await alice.get(f"/chatrooms/pins/{room}")).text
    removed = await alice.post(f"/chatrooms/pins/{room}/{at}/remove")
    assert (removed.status, removed.location) == (303, f"/chatrooms/pins/{room}")
    assert (await alice.get(f"/api/v1/rooms/{room}/pins")).json == {"pins": []}
    assert "the wifi password" not in (await alice.get(f"/chatrooms/pins/{room}")).text
    assert (await program.ask("PUT", f"/api/v1/rooms/{room}/pins/nowhere")).status == 404


async def test_both_pin_in_direct_messages_and_nobody_else_sees_it(site: Site) -> None:
    alice, bob, mallory = [await site.script(name) for name in ("alice", "bob", "mallory")]
    room = (await alice.send("POST", f"/api/v1/direct/{await id_of(bob)}")).json["id"]
    at = await say(alice, room, "ours", "c1")
    for visitor in (bob, alice):
        assert (await visitor.ask("PUT", f"/api/v1/rooms/{room}/pins/{at}")).status == 200
        assert (await visitor.ask("DELETE", f"/api/v1/rooms/{room}/pins/{at}")).status == 200
    for path in ("pins", f"messages/{at}/versions"):
        answer = await mallory.get(f"/api/v1/rooms/{room}/{path}")
        assert (answer.status, answer.code) == (404, "room_not_found")


async def test_older_texts_are_for_those_who_may_read_the_room(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    at = await say(alice, room, "teh cat", "c1")
    assert (await change(alice, room, at, "edit")).status == 200
    found = (await alice.get(f"/api/v1/rooms/{room}/messages/{at}/versions")).json["versions"]
    assert [each["text"] for each in found] == ["teh cat", "edited"]
    assert (await change(alice, room, at, "delete")).status == 200
    answer = await alice.get(f"/api/v1/rooms/{room}/messages/{at}/versions")
    assert (answer.status, answer.code) == (404, "message_not_found")
