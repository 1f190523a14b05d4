"""The search over HTTP: what a person may read now, in segments, page after page."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from server.domain.rooms import User
from server.local.postgres import Postgres
from server.storage.messages import Messages
from tests.storage.cast import EPOCH, came, said
from tests.website.site import Site, Visitor
from tests.website.test_rooms import page_data


async def person(visitor: Visitor) -> User:
    me = (await visitor.get("/api/v1/me")).json
    return User(me["id"], me["name"])


async def tell(site: Site, room: str, user: User, *texts: str) -> None:
    rows = [said(room, n, text, user=user) for n, text in enumerate(texts, 1)]
    await Messages(site.deps.pool).insert(rows)


async def texts(visitor: Visitor, query: str) -> list[str]:
    answer = await visitor.get(f"/api/v1/search?q={quote(query)}")
    assert answer.status == 200, answer.text
    return ["".join(s["text"] for s in each["segments"]) for each in answer.json["results"]]


async def test_a_program_finds_messages_with_what_matched_marked(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice, "Кухня")
    await tell(site, room, await person(alice), "чайник <b>кипит</b>", "ничего")
    answer = await alice.get(f"/api/v1/search?q={quote('чайники в:кухня')}")
    assert answer.status == 200, answer.text
    assert answer.json["next"] == ""
    (found,) = answer.json["results"]
    assert found["room"] == {"id": room, "name": "Кухня"}
    assert found["url"] == f"/chatrooms/chat/{room}?at={EPOCH}-1#at"
    assert found["segments"] == [
        {"text": "чайник", "found": True},
        {"text": " <b>кипит</b>", "found": False},
    ]
    assert (await alice.get("/api/v1/search?q=")).json == {"results": [], "next": ""}


async def test_what_is_found_is_shown_without_its_marks(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    await tell(site, room, await person(alice), "**Plan:** `make soup` at *nine*")
    assert await texts(alice, "soup") == ["Plan: make soup at nine"]


async def test_pages_of_results_go_on_where_the_last_one_ended(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    await tell(site, room, await person(alice), *(f"tea {n}" for n in range(7)))
    seen, after = [], ""
    while True:
        page = (await alice.get(f"/api/v1/search?q=tea&limit=3&after={after}")).json
        seen += [each["seq"] for each in page["results"]]
        after = page["next"]
        if not after:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_what_is_private_or_deleted_is_not_found_even_before_it_is_saved(
    site: Site,
) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    author, guest = await person(alice), await person(bob)
    public = await site.room(alice, "kitchen")
    private = await site.room(alice, "cellar", visibility="private")
    await tell(site, public, author, "secret upstairs")
    await tell(site, private, author, "secret downstairs")
    assert await texts(bob, "secret") == ["secret upstairs"]
    await Messages(site.deps.pool).insert([came(private, 2, guest)])
    assert len(await texts(bob, "secret")) == 2
    # From here on nothing is saved: Redis alone knows.
    assert (await bob.send("DELETE", f"/api/v1/rooms/{private}/membership")).status == 200
    assert await texts(bob, "secret") == ["secret upstairs"]
    gone = await alice.send("DELETE", f"/api/v1/rooms/{public}/messages/{EPOCH}-1")
    assert gone.status == 200, gone.text
    assert await texts(bob, "secret") == []
    assert await texts(alice, "secret") == ["secret downstairs"]


async def test_an_edit_that_is_not_saved_yet_is_shown(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    await tell(site, room, await person(alice), "teapot")
    edit = await alice.send("PATCH", f"/api/v1/rooms/{room}/messages/{EPOCH}-1", {"text": "mug"})
    assert edit.status == 200, edit.text
    assert await texts(alice, "teapot") == ["mug"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("q=after:never", "invalid_search"),
        (f"q={'x' * 201}", "invalid_search"),
        ("q=tea&after=nowhere", "bad_request"),
        ("q=tea&limit=51", "bad_request"),
        ("words=tea", "bad_request"),
    ],
)
async def test_a_search_that_cannot_be_meant_is_refused(site: Site, query: str, code: str) -> None:
    alice = await site.script("alice")
    answer = await alice.get(f"/api/v1/search?{query}")
    assert (answer.status, answer.code) == (400, code)


async def test_strangers_search_nothing(site: Site) -> None:
    assert (await site.visitor().get("/api/v1/search?q=tea")).status == 401


async def test_the_page_shows_results_without_scripts(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice, "kitchen")
    await tell(site, room, await person(alice), *("a <i>teapot</i>" for _ in range(25)))
    first = await alice.get("/search?q=teapot")
    assert first.status == 200
    assert first.text.count("<mark>teapot</mark>") == 20
    assert "<i>" not in first.text.split('class="found__list"')[1].split("</ol>")[0].replace(
        "&lt;i&gt;", ""
    )
    assert f"/chatrooms/chat/{room}?at={EPOCH}-25#at" in first.text
    more = first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = await alice.get(more)
    assert second.text.count("<mark>teapot</mark>") == 5
    assert 'rel="next"' not in second.text
    assert page_data(first.text)["rooms"][0]["id"] == room


async def test_the_page_says_what_to_do_when_there_is_nothing(site: Site) -> None:
    alice = await site.browser("alice")
    assert "Find what was said" in (await alice.get("/search")).text
    assert "Nothing was found" in (await alice.get("/search?q=teapot")).text
    wrong = await alice.get("/search?q=after:never")
    assert wrong.status == 400
    assert "A day is written as" in wrong.text
    listed = await alice.get("/chatrooms/?search=tea")
    assert 'href="/search?q=tea"' in listed.text


async def test_without_postgresql_the_page_says_so_and_keeps_the_words(
    site: Site, postgres_server: Postgres
) -> None:
    alice = await site.browser("alice")
    postgres_server.stop()
    try:
        away = await alice.get("/search?q=teapot")
        refused = await alice.get("/api/v1/search?q=teapot", headers={"Accept": "application/json"})
    finally:
        postgres_server.start()
    assert away.status == 503
    assert "The search cannot be answered" in away.text
    assert 'value="teapot"' in away.text
    assert (refused.status, refused.code) == (503, "unavailable")


async def test_a_link_to_a_message_opens_the_room_around_it(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice, "kitchen")
    await tell(site, room, await person(alice), *(f"line {n}." for n in range(1, 121)))
    page = await alice.get(f"/chatrooms/chat/{room}?at={EPOCH}-60")
    assert page.status == 200
    marked = re.findall(r'<li id="at"[^>]*data-seq="(\d+)"', page.text)
    assert marked == ["60"]
    assert "line 36." in page.text
    assert "line 85." in page.text
    assert "line 35." not in page.text
    assert "line 86." not in page.text
    data = page_data(page.text)
    assert data["older"] == f"{EPOCH}-36"
    assert data["later"] == f"{EPOCH}-85"
    # Entering the room is an event of its own, after everything that was said.
    assert data["position"]["seq"] >= 120
    following = await alice.get(f"/chatrooms/chat/{room}?after={EPOCH}-85")
    assert "line 86." in following.text
    assert page_data(following.text)["later"] == ""
    assert page_data((await alice.get(f"/chatrooms/chat/{room}")).text)["later"] == ""


async def test_a_link_to_what_never_was_opens_the_nearest_place(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice, "kitchen")
    await tell(site, room, await person(alice), "line 1.")
    for position in ("1-1", f"{EPOCH}-999", f"{EPOCH + 1}-1"):
        page = await alice.get(f"/chatrooms/chat/{room}?at={position}")
        assert page.status == 200
        assert "line 1." in page.text
        assert 'id="at"' not in page.text
    assert (await alice.get(f"/chatrooms/chat/{room}?at=nowhere")).status == 400


async def test_a_day_opens_the_room_at_its_first_message(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice, "kitchen")
    await tell(site, room, await person(alice), "line 1.", "line 2.")
    # EPOCH is 14 November 2023.
    page = await alice.get(f"/chatrooms/chat/{room}?on=2023-11-14")
    assert re.findall(r'<li id="at"[^>]*data-seq="(\d+)"', page.text) == ["1"]
    after = await alice.get(f"/chatrooms/chat/{room}?on=2023-11-15")
    assert "line 2." in after.text
    assert 'id="at"' not in after.text
    assert (await alice.get(f"/chatrooms/chat/{room}?on=never")).status == 400
