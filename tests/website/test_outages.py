from __future__ import annotations

from server.local.postgres import Postgres
from server.local.valkey import Valkey
from tests.website.site import HTML, Site


async def test_without_postgresql_a_room_goes_on_and_the_rest_says_so(
    site: Site, postgres_server: Postgres
) -> None:
    alice = await site.browser("alice")
    room, unseen = await site.room(alice), await site.room(alice, "unseen")
    said = await alice.post(f"/chatrooms/chat/{room}", {"text": "hello", "cid": "c0"})
    assert said.status == 303
    assert (await alice.get(f"/chatrooms/chat/{room}")).status == 200
    postgres_server.stop()
    page = await alice.get(f"/chatrooms/chat/{room}")
    assert page.status == 200
    assert "kitchen" in page.text
    said = await alice.post(f"/chatrooms/chat/{room}", {"text": "still here", "cid": "c1"})
    assert said.status == 303
    assert "still here" in (await alice.get(f"/chatrooms/chat/{room}")).text
    for path in (f"/chatrooms/chat/{unseen}", "/chatrooms/", "/profile/"):
        refused = await alice.get(path)
        assert refused.status == 503, path
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.headers["X-Request-ID"] in refused.text
    form = {"username": "alice@example.org", "password": "teapot-9-harbour"}
    for _ in range(15):
        login = await site.visitor().post("/token", form)
        assert (login.status, login.code) == (503, "unavailable")
    assert (await alice.get("/login/")).status == 303
    deleted = await alice.post(f"/chatrooms/delete/{room}")
    assert deleted.status == 503
    postgres_server.start()
    assert (await alice.get("/chatrooms/")).status == 200
    assert (await alice.get(f"/chatrooms/chat/{room}")).status == 200
    # What nobody could judge was no failed attempt: he is not kept waiting for it.
    assert (await site.visitor().post("/token", form)).status == 200


async def test_without_redis_lists_and_accounts_go_on_and_rooms_say_so(
    site: Site, valkey_server: Valkey
) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    valkey_server.stop()
    page = await alice.get("/chatrooms/")
    assert page.status == 200
    assert "kitchen" in page.text
    assert (await alice.get("/profile/")).status == 200
    assert (await site.visitor(headers={"Accept": HTML}).get("/login/")).status == 200
    refused = await alice.get(f"/chatrooms/chat/{room}")
    assert refused.status == 503
    posted = await alice.post(f"/chatrooms/chat/{room}", {"text": "hello", "cid": "c1"})
    assert posted.status == 503
    fresh = await site.browser("bob")
    assert (await fresh.get("/profile/")).status == 200
