from __future__ import annotations

from tests.website.site import Site
from tests.website.test_tokens import make


async def test_a_token_of_the_owner_makes_an_address_and_renews_it(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    _, program = await make(alice, site, "rooms")
    at = f"/api/v1/rooms/{room}/hooks/incoming"
    made = await program.send("POST", at, {"name": "Builds", "bot_name": "Robot"})
    assert made.status == 201
    old = made.json["url"].removeprefix(site.base)
    assert (await site.visitor().send("POST", old, {"text": "one"})).text == "ok"
    renewed = (await program.ask("POST", f"{at}/{made.json['id']}/secret")).json
    new = renewed["url"].removeprefix(site.base)
    assert renewed["id"] == made.json["id"]
    assert (await site.visitor().send("POST", old, {"text": "two"})).status == 404
    assert (await site.visitor().send("POST", new, {"text": "three"})).text == "ok"
    (listed,) = (await program.get(at)).json["hooks"]
    assert (listed["name"], listed["bot_name"]) == ("Builds", "Robot")
    assert "secret" not in str(listed)
    page = (await alice.get(f"/api/v1/rooms/{room}/messages")).json
    assert [event["text"] for event in page["events"] if "text" in event] == ["one", "three"]


async def test_an_outgoing_hook_signs_with_the_renewed_secret(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    at = f"/api/v1/rooms/{room}/hooks/outgoing"
    asked = {"name": "Archive", "url": "https://example.org/in"}
    made = (await alice.send("POST", at, asked)).json
    renewed = (await alice.ask("POST", f"{at}/{made['id']}/secret")).json
    (hook,) = await site.deps.outgoing_hooks.of_room(room)
    assert hook.secret == renewed["secret"] != made["secret"]


async def test_hooks_are_the_owners_and_of_one_room(site: Site) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    room, his = await site.room(alice), await site.room(bob, "cellar")
    for kind, asked in (
        ("incoming", {"name": "Builds", "bot_name": "Robot"}),
        ("outgoing", {"name": "Archive", "url": "https://example.org/in"}),
    ):
        at = f"/api/v1/rooms/{room}/hooks/{kind}"
        hook = (await alice.send("POST", at, asked)).json["id"]
        for method, path in (
            ("GET", at),
            ("DELETE", f"{at}/{hook}"),
            ("POST", f"{at}/{hook}/secret"),
        ):
            refused = await bob.ask(method, path)
            assert (refused.status, refused.code) == (403, "forbidden")
        assert (await bob.send("POST", at, asked)).code == "forbidden"
        # The id of a hook opens nothing in another room.
        elsewhere = f"/api/v1/rooms/{his}/hooks/{kind}/{hook}"
        assert (await bob.ask("DELETE", elsewhere)).code == "not_found"
        assert (await bob.ask("POST", f"{elsewhere}/secret")).code == "not_found"
        assert len((await alice.get(at)).json["hooks"]) == 1
        assert (await alice.ask("DELETE", f"{at}/{hook}")).json == {"id": hook, "deleted": True}
        assert (await alice.get(at)).json["hooks"] == []
