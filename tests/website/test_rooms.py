from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from server.archive.archive import Page
from server.domain.rooms import User
from server.runtime.settings import Settings
from server.state import keys
from tests.website.site import HTML, Site, Visitor, open_site

MakeSettings = Callable[..., Settings]

_DATA = re.compile(r'<script type="application/json" id="page-data">(.*?)</script>', re.DOTALL)


def page_data(text: str) -> dict[str, Any]:
    found = _DATA.search(text)
    assert found is not None
    data: dict[str, Any] = orjson.loads(found[1])
    return data


async def say(visitor: Visitor, room: str, *texts: str) -> None:
    for number, text in enumerate(texts):
        body = {"cid": f"{number}-{abs(hash(text))}", "text": text}
        answer = await visitor.send("POST", f"/api/v1/rooms/{room}/messages", body)
        assert answer.status == 200, answer.text


async def test_a_program_creates_a_room_by_form_and_by_json(site: Site) -> None:
    alice = await site.script("alice")
    me = (await alice.get("/api/v1/me")).json
    by_form = await alice.post("/chatrooms/create", {"name": "  the   kitchen "})
    by_json = await alice.send("POST", "/chatrooms/create", {"name": "Кухня"})
    assert (by_form.status, by_json.status) == (200, 200)
    assert by_form.json["name"] == "the kitchen"
    assert by_json.json["name"] == "Кухня"
    for each in (by_form, by_json):
        assert each.json["owner_id"] == me["id"]
        assert each.json["id"]
    assert by_form.json["id"] != by_json.json["id"]


async def test_a_browser_creates_a_room_and_goes_in(site: Site) -> None:
    alice = await site.browser("alice")
    answer = await alice.post("/chatrooms/create", {"name": "kitchen"})
    assert answer.status == 303
    page = await alice.get(answer.location)
    assert page.status == 200
    assert "kitchen" in page.text
    assert page_data(page.text)["room"]["mine"] is True


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "invalid_name"),
        ("    ", "invalid_name"),
        ("\u200d", "invalid_name"),
        ("a\u202eb", "invalid_name"),
        ("a\0b", "invalid_name"),
        ("x" * 81, "name_too_long"),
        ("x" * 300, "name_too_long"),
        ("x" * 30_000, "name_too_long"),
    ],
)
async def test_a_bad_name_is_refused(site: Site, name: str, code: str) -> None:
    alice = await site.script("alice")
    answer = await alice.send("POST", "/chatrooms/create", {"name": name})
    assert (answer.status, answer.code) == (400, code)
    browser = await site.browser("alice", new=False)
    page = await browser.post("/chatrooms/create", {"name": name})
    assert page.status == 400
    assert "text/html" in page.headers["Content-Type"]


@pytest.mark.parametrize("extra", ["id", "owner_id", "created_at", "deleted", "epoch", "role"])
async def test_nobody_sets_what_is_the_servers_to_set(site: Site, extra: str) -> None:
    alice = await site.script("alice")
    body = {"name": "kitchen", extra: "1"}
    for path in ("/chatrooms/create", "/api/v1/rooms"):
        answer = await alice.send("POST", path, body)
        assert (answer.status, answer.code) == (400, "bad_request")
    room = await site.room(alice)
    message = {"cid": "c1", "text": "hi", extra: 1}
    answer = await alice.send("POST", f"/api/v1/rooms/{room}/messages", message)
    assert (answer.status, answer.code) == (400, "bad_request")
    answer = await alice.send("PATCH", "/api/v1/me", {extra: "x"})
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_a_person_owns_so_many_rooms_and_no_more(make_settings: MakeSettings) -> None:
    async with open_site(make_settings(rooms_per_user=2)) as site:
        alice = await site.script("alice")
        await site.room(alice, "one")
        two = await site.room(alice, "two")
        answer = await alice.send("POST", "/chatrooms/create", {"name": "three"})
        assert (answer.status, answer.code) == (400, "too_many_owned")
        browser = await site.browser("alice", new=False)
        page = await browser.post(
            "/chatrooms/create", {"name": "three"}, headers={"Accept-Language": "ru"}
        )
        assert page.status == 400
        assert "У вас уже столько своих комнат, сколько можно." in page.text
        await alice.send("DELETE", f"/chatrooms/delete/{two}")
        await site.room(alice, "three")


async def test_only_the_owner_or_an_administrator_deletes_a_room(
    make_settings: MakeSettings,
) -> None:
    async with open_site(make_settings(admin_emails="root@example.org")) as site:
        alice, mallory, root = [await site.script(name) for name in ("alice", "mallory", "root")]
        room, other = await site.room(alice), await site.room(alice, "hall")
        refused = await mallory.send("DELETE", f"/chatrooms/delete/{room}")
        assert (refused.status, refused.code) == (403, "forbidden")
        assert (await mallory.send("DELETE", f"/api/v1/rooms/{room}")).status == 403
        done = await alice.send("DELETE", f"/chatrooms/delete/{room}")
        assert done.status == 200
        assert (done.json["id"], done.json["deleted"]) == (room, True)
        assert (await root.send("DELETE", f"/api/v1/rooms/{other}")).status == 200
        for visitor in (alice, mallory, root):
            assert (await visitor.send("DELETE", f"/chatrooms/delete/{room}")).status == 404


async def test_a_deleted_room_is_gone_from_everywhere(site: Site) -> None:
    alice, bob = await site.browser("alice"), await site.script("bob")
    room = await site.room(alice, "the old kitchen")
    await say(bob, room, "hello")
    answer = await alice.post(f"/chatrooms/delete/{room}")
    assert (answer.status, answer.location) == (303, "/chatrooms/")
    assert "the old kitchen" not in (await alice.get("/chatrooms/")).text
    assert (await bob.get("/api/v1/rooms?search=kitchen")).json["rooms"] == []
    assert (await alice.get(f"/chatrooms/chat/{room}")).status == 404
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"cid": "c9", "text": "still here?"}),
        ("PUT", "/read", {"epoch": 0, "seq": 0}),
        ("GET", "/people", None),
        ("DELETE", "/membership", None),
    ):
        gone = await bob.send(method, f"/api/v1/rooms/{room}{path}", body)
        assert (gone.status, gone.code) == (404, "room_not_found"), (method, path)


async def test_a_deletion_that_redis_missed_is_finished_by_the_next_try(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    await say(alice, room, "hello")
    await site.deps.rooms.delete(room)
    assert (await alice.send("DELETE", f"/chatrooms/delete/{room}")).status == 200
    assert (await alice.send("DELETE", f"/chatrooms/delete/{room}")).status == 404


async def test_another_s_private_room_looks_like_one_that_never_was(site: Site) -> None:
    alice, mallory = await site.script("alice"), await site.script("mallory")
    private = await site.room(alice, "secret garden", visibility="private")
    await say(alice, private, "nobody hears this")
    deleted = await site.room(alice, "gone")
    await alice.send("DELETE", f"/chatrooms/delete/{deleted}")
    assert (await alice.get(f"/api/v1/rooms/{private}")).json["role"] == "owner"
    for method, template, body in (
        ("GET", "/api/v1/rooms/{}", None),
        ("DELETE", "/api/v1/rooms/{}", None),
        ("GET", "/api/v1/rooms/{}/messages", None),
        ("POST", "/api/v1/rooms/{}/messages", {"cid": "c1", "text": "let me in"}),
        ("PUT", "/api/v1/rooms/{}/read", {"epoch": 0, "seq": 0}),
        ("GET", "/api/v1/rooms/{}/people", None),
        ("DELETE", "/api/v1/rooms/{}/membership", None),
        ("DELETE", "/chatrooms/delete/{}", None),
        ("GET", "/chatrooms/chat/{}", None),
    ):
        answers = [
            await mallory.send(
                method, template.format(room), body, headers={"Accept": "application/json"}
            )
            for room in (private, deleted, "neverexisted0000", "a%20b", "x" * 200)
        ]
        assert {each.status for each in answers} == {404}, (method, template)
        assert len({each.body for each in answers}) == 1, (method, template)
    for path in ("/api/v1/rooms", "/api/v1/rooms?search=garden"):
        assert "garden" not in (await mallory.get(path)).text
    assert "garden" not in (await mallory.get("/chatrooms/")).text


async def test_who_is_put_out_while_history_is_read_gets_none_of_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    room = await site.room(alice, visibility="private")
    await say(alice, room, "first")
    user = User((await bob.get("/api/v1/me")).json["id"], "Bob")
    live = site.deps.archive.rooms
    members = keys.room_keys(site.deps.client.partition_of(room), room).members
    await site.deps.client.execute("HSET", members, user.id, "member Bob")
    path = f"/api/v1/rooms/{room}/messages"
    assert "first" in (await bob.get(path)).text
    read = site.deps.archive.page

    async def slowly(*args: Any, **options: Any) -> Page:
        await live.remove(room, user, "removed")
        await say(alice, room, "not for Bob")
        return await read(*args, **options)

    monkeypatch.setattr(site.deps.archive, "page", slowly)
    answer = await bob.get(path)
    assert answer.status == 404
    assert "Bob" not in answer.text


async def test_the_page_of_a_room_joins_shows_and_tells_the_socket_where_to_go_on(
    site: Site,
) -> None:
    alice, bob = await site.script("alice"), await site.browser("bob")
    room = await site.room(alice)
    await say(alice, room, "first", "<b>second</b> & more", "третье")
    page = await bob.get(f"/chatrooms/chat/{room}")
    assert page.status == 200
    assert "first" in page.text
    assert "&lt;b&gt;second&lt;/b&gt; &amp; more" in page.text
    assert "<b>second</b>" not in page.text
    data = page_data(page.text)
    assert data["room"] == {"id": room, "name": "kitchen", "mine": False, "direct": False}
    assert data["user"]["name"] == "Bob"
    assert data["socket"] == "/ws"
    assert data["limits"]["text_chars"] == site.settings.text_chars
    newest = (await bob.get(f"/api/v1/rooms/{room}/messages?limit=1")).json["events"][-1]
    assert newest["ev"] == "joined"
    assert data["position"] == {"epoch": newest["epoch"], "seq": newest["seq"]}
    assert [each["id"] for each in data["rooms"]] == [room]
    again = page_data((await bob.get(f"/chatrooms/chat/{room}")).text)
    assert again["position"] == data["position"]
    await say(alice, room, "fourth")
    later = page_data((await bob.get(f"/chatrooms/chat/{room}")).text)
    assert later["position"]["seq"] == data["position"]["seq"] + 1
    assert later["read"] == data["position"]
    assert later["unread"] == 1


async def test_a_script_in_a_name_or_a_message_stays_text_on_the_page(site: Site) -> None:
    alice = await site.script("alice")
    attack = "</script><script>alert(1)</script>"
    room = await site.room(alice, attack)
    await say(alice, room, attack)
    await alice.send("PATCH", "/api/v1/me", {"name": attack[:40]})
    for path in (f"/chatrooms/chat/{room}", "/chatrooms/", "/profile/"):
        page = await alice.get(path, headers={"Accept": HTML})
        assert page.status == 200
        assert "<script>alert" not in page.text
    shown = page_data((await alice.get(f"/chatrooms/chat/{room}", headers={"Accept": HTML})).text)
    assert shown["room"]["name"] == attack


async def test_a_message_sent_twice_by_a_form_is_one(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    path = f"/chatrooms/chat/{room}"
    page = await alice.get(path)
    found = re.search(r'name="cid" value="([^"]+)"', page.text)
    assert found is not None
    for _ in range(2):
        answer = await alice.post(path, {"text": "one\r\ntwo", "cid": found[1]})
        assert (answer.status, answer.location) == (303, f"{path}#end")
    events = (await alice.get(f"/api/v1/rooms/{room}/messages")).json["events"]
    assert [each["text"] for each in events if each["ev"] == "message"] == ["one\ntwo"]
    assert (await alice.post(path, {"text": " ", "cid": "c2"})).status == 400
    assert (await alice.post(path, {"text": "x", "cid": "{}"})).status == 400


async def test_older_pages_follow_without_a_seam(site: Site) -> None:
    settings = site.settings.model_copy(update={"send_rate": 0})
    async with open_site(settings) as fast:
        alice = await fast.script("alice")
        room = await fast.room(alice)
        await say(alice, room, *(f"message {number:03}" for number in range(120)))
        shown: list[str] = []
        path: str | None = f"/chatrooms/chat/{room}"
        while path:
            page = await alice.get(path, headers={"Accept": HTML})
            shown = re.findall(r"message \d{3}(?=</div>)", page.text) + shown
            older = page_data(page.text)["older"]
            path = f"/chatrooms/chat/{room}?before={older}" if older else None
        assert shown == [f"message {number:03}" for number in range(120)]
        bad = await alice.get(f"/chatrooms/chat/{room}?before=x")
        assert bad.status == 400


async def test_the_api_pages_history_in_both_directions(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    await say(alice, room, *(f"m{number}" for number in range(10)))
    path = f"/api/v1/rooms/{room}/messages"
    newest = (await alice.get(f"{path}?limit=4")).json
    assert [each["text"] for each in newest["events"]] == ["m6", "m7", "m8", "m9"]
    assert newest["more"] is True
    first = newest["events"][0]
    older = (await alice.get(f"{path}?before={first['epoch']}-{first['seq']}&limit=4")).json
    assert [each["text"] for each in older["events"]] == ["m2", "m3", "m4", "m5"]
    start = older["events"][-1]
    later = (await alice.get(f"{path}?after={start['epoch']}-{start['seq']}&limit=100")).json
    assert [each["text"] for each in later["events"]] == ["m6", "m7", "m8", "m9"]
    assert later["more"] is False
    for query in (
        "before=x",
        "after=1",
        "limit=0",
        "limit=x",
        "limit=1000",
        "before=1-1&after=1-1",
        "x=1",
        "limit=1&limit=2",
    ):
        answer = await alice.get(f"{path}?{query}")
        assert (answer.status, answer.code) == (400, "bad_request"), query


async def test_reading_is_remembered_and_never_goes_back(site: Site) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    room = await site.room(alice)
    assert (await bob.get(f"/chatrooms/chat/{room}")).status == 200
    await say(alice, room, "one", "two", "three")

    async def unread() -> int:
        (item,) = (await bob.get("/api/v1/rooms?mine=1")).json["rooms"]
        return int(item["unread"])

    assert await unread() == 3
    events = (await bob.get(f"/api/v1/rooms/{room}/messages")).json["events"]
    messages = [{"epoch": e["epoch"], "seq": e["seq"]} for e in events if e["ev"] == "message"]
    for mark, left in ((messages[1], 1), (messages[0], 1), (messages[2], 0)):
        answer = await bob.send("PUT", f"/api/v1/rooms/{room}/read", mark)
        assert answer.json == {"unread": left}
    assert await unread() == 0


async def test_a_stranger_reads_a_public_room_without_joining_and_joins_by_talking(
    site: Site,
) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    room = await site.room(alice)
    await say(alice, room, "hello")
    assert (await bob.get(f"/api/v1/rooms/{room}/messages")).json["events"][-1]["text"] == "hello"
    assert (await bob.get(f"/api/v1/rooms/{room}")).json["role"] == ""
    refused = await bob.send("PUT", f"/api/v1/rooms/{room}/read", {"epoch": 0, "seq": 0})
    assert (refused.status, refused.code) == (403, "not_a_member")
    assert (await bob.send("DELETE", f"/api/v1/rooms/{room}/membership")).status == 403
    await say(bob, room, "may I?")
    assert (await bob.get(f"/api/v1/rooms/{room}")).json["role"] == "member"
    left = await bob.send("DELETE", f"/api/v1/rooms/{room}/membership")
    assert left.json == {"id": room, "deleted": True}
    assert (await bob.get(f"/api/v1/rooms/{room}")).json["role"] == ""
    owner = await alice.send("DELETE", f"/api/v1/rooms/{room}/membership")
    assert (owner.status, owner.code) == (403, "forbidden")


async def test_the_list_shows_the_last_words_what_is_unread_and_finds_by_any_letter(
    site: Site,
) -> None:
    alice, bob = await site.script("alice"), await site.browser("bob")
    kitchen, hall = await site.room(alice, "Кухня 100%"), await site.room(alice, "hall_way")
    await bob.get(f"/chatrooms/chat/{kitchen}")
    await say(alice, kitchen, "soup is ready")
    page = await bob.get("/chatrooms/")
    assert "soup is ready" in page.text
    (mine,) = page_data(page.text)["rooms"]
    assert (mine["id"], mine["unread"]) == (kitchen, 1)
    for search, found in (
        ("кухня", {kitchen}),
        ("100%", {kitchen}),
        ("%", {kitchen}),
        ("_", {hall}),
        ("HALL", {hall}),
        ("\\", set()),
        ("'; DROP TABLE users; --", set()),
        ("x" * 100, set()),
        ("", {kitchen, hall}),
    ):
        answer = await bob.get("/api/v1/rooms", params={"search": search})
        assert {each["id"] for each in answer.json["rooms"]} == found, search
        assert (await bob.get("/chatrooms/", params={"search": search})).status == 200
    assert (await bob.get("/chatrooms/", params={"search": "x" * 1000})).status == 200


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_text"),
        (" \n ", "empty_text"),
        ("x" * 4001, "text_too_long"),
        ("a\0b", "invalid_text"),
    ],
)
async def test_a_bad_text_is_refused(site: Site, text: str, code: str) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    answer = await alice.send("POST", f"/api/v1/rooms/{room}/messages", {"cid": "c1", "text": text})
    assert (answer.status, answer.code) == (400, code)


async def test_a_room_that_redis_forgot_comes_back_when_somebody_talks(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    await site.deps.client.execute("FLUSHALL")
    await say(alice, room, "hello again")
    (item,) = (await alice.get("/api/v1/rooms")).json["rooms"]
    assert item["last"]["text"] == "hello again"


async def test_talking_too_fast_says_when_to_come_back(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    path = f"/api/v1/rooms/{room}/messages"
    answers = await asyncio.gather(
        *(alice.send("POST", path, {"cid": f"c{n}", "text": "x"}) for n in range(40))
    )
    slow = [each for each in answers if each.status == 429]
    assert slow
    assert slow[0].code == "rate_limited"
    assert int(slow[0].headers["Retry-After"]) >= 1


async def test_a_list_of_a_hundred_rooms_costs_a_few_questions(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_site(make_settings(rooms_per_user=200)) as site:
        alice = await site.script("alice")
        me = (await alice.get("/api/v1/me")).json
        for number in range(100):
            await site.deps.rooms.create(f"room {number}", User(me["id"], me["name"]))
        lends = 0
        original = type(site.deps.pool).connection

        def counted(self: Any) -> Any:
            nonlocal lends
            lends += 1
            return original(self)

        monkeypatch.setattr(type(site.deps.pool), "connection", counted)
        answer = await alice.get("/api/v1/rooms")
        assert len(answer.json["rooms"]) == 100
        assert lends <= 4
