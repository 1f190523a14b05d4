from __future__ import annotations

import asyncio

import redis.asyncio as redis_asyncio

from server.domain.errors import Refusal
from server.local.valkey import Valkey
from server.state import keys
from tests.website.site import PASSWORD, Site, Visitor


async def ids(visitor: Visitor) -> dict[str, bool]:
    listed = (await visitor.get("/api/v1/sessions")).json["sessions"]
    return {each["id"]: each["current"] for each in listed}


async def test_logging_out_ends_the_cookie_and_the_tokens_of_the_session(site: Site) -> None:
    alice = await site.browser("alice")
    form = {"username": "alice@example.org", "password": PASSWORD}
    answer = await alice.ask("POST", "/token", data=form)
    token = answer.json["access_token"]
    secret = alice.cookie("session")
    program = site.visitor(headers={"Authorization": f"Bearer {token}"})
    assert (await program.get("/api/v1/me")).status == 200
    await alice.get("/profile/")
    out = await alice.post("/logout/")
    assert (out.status, out.location) == (303, "/login/")
    assert 'session="";' in out.headers["Set-Cookie"] or "Max-Age=0" in out.headers["Set-Cookie"]
    for dead in (program, site.visitor(headers={"Cookie": f"session={secret}"})):
        refused = await dead.get("/api/v1/me")
        assert (refused.status, refused.code) == (401, "unauthorized")
    other = await site.script("alice", new=False)
    assert (await other.get("/api/v1/me")).status == 200


async def test_logging_out_twice_is_harmless(site: Site) -> None:
    assert (await site.visitor().post("/logout/")).status == 303
    alice = await site.browser("alice")
    await alice.post("/logout/")
    assert (await alice.post("/logout/")).status == 303


async def test_an_end_is_announced_so_that_sockets_close(site: Site) -> None:
    alice, phone = await site.browser("alice"), await site.script("alice", new=False)
    (other,) = [each for each, current in (await ids(phone)).items() if current]
    listener = redis_asyncio.Redis.from_url(site.settings.redis_url.get_secret_value())
    async with listener, listener.pubsub() as channel:
        await channel.execute_command("SSUBSCRIBE", keys.CONTROL)
        await channel.parse_response()
        answer = await alice.post(f"/profile/sessions/{other}/end")
        assert answer.location == "/profile/?changed=session"
        async with asyncio.timeout(30):
            heard = (await channel.parse_response())[2]
    assert heard == f"session {other}".encode()
    assert (await phone.get("/api/v1/me")).status == 401


async def test_the_profile_lists_sessions_and_ends_the_others(site: Site) -> None:
    alice = await site.browser("alice")
    others = [await site.script("alice", new=False) for _ in range(2)]
    page = await alice.get("/profile/")
    assert page.text.count('/end"') == 2
    assert list((await ids(alice)).values()).count(True) == 1
    answer = await alice.post("/profile/sessions/end-others")
    assert answer.location == "/profile/?changed=sessions"
    assert [(await each.get("/api/v1/me")).status for each in others] == [401, 401]
    assert len(await ids(alice)) == 1


async def test_nobody_ends_the_session_of_another(site: Site) -> None:
    alice, mallory = await site.script("alice"), await site.script("mallory")
    (victim,) = await ids(alice)
    answers = [
        await mallory.send("DELETE", f"/api/v1/sessions/{each}")
        for each in (victim, "neverexisted0000", "a%7Bb")
    ]
    assert {(each.status, each.body) for each in answers} == {(404, answers[0].body)}
    assert (await mallory.post(f"/profile/sessions/{victim}/end")).status == 404
    assert (await alice.get("/api/v1/me")).status == 200
    done = await alice.send("DELETE", f"/api/v1/sessions/{victim}")
    assert done.json == {"id": victim, "deleted": True}
    assert (await alice.get("/api/v1/me")).status == 401


async def test_another_password_ends_the_other_sessions_and_needs_the_old_one(site: Site) -> None:
    alice, phone = await site.browser("alice"), await site.script("alice", new=False)
    new = "kettle-7-lighthouse"
    wrong = await alice.post("/profile/password", {"current": "wrong-password", "new": new})
    assert wrong.status == 403
    assert "The current password is wrong." in wrong.text
    weak = await alice.post("/profile/password", {"current": PASSWORD, "new": "password1"})
    assert weak.status == 400
    assert (await phone.get("/api/v1/me")).status == 200
    form = {"current": PASSWORD, "new": new, "username": "alice@example.org"}
    good = await alice.post("/profile/password", form)
    assert (good.status, good.location) == (303, "/profile/?changed=password")
    assert (await alice.get("/profile/")).status == 200
    assert (await phone.get("/api/v1/me")).status == 401
    program = site.visitor()
    old = await program.post("/token", {"username": "alice@example.org", "password": PASSWORD})
    assert old.status == 401
    ok = await program.post("/token", {"username": "alice@example.org", "password": new})
    assert ok.status == 200


async def test_another_name_shows_at_once_in_every_session(site: Site) -> None:
    alice, phone = await site.browser("alice"), await site.script("alice", new=False)
    await phone.get("/api/v1/me")
    await alice.post("/profile/name", {"name": "Алиса"})
    room = await site.room(phone)
    assert "Алиса" in (await alice.get("/chatrooms/")).text
    posted = await phone.send("POST", f"/api/v1/rooms/{room}/messages", {"cid": "c1", "text": "hi"})
    assert posted.status == 200
    events = (await phone.get(f"/api/v1/rooms/{room}/messages")).json["events"]
    assert events[-1]["user"]["name"] == "Алиса"
    bad = await alice.post("/profile/name", {"name": " "})
    assert bad.status == 400


async def test_without_redis_people_stay_logged_in_and_may_leave(
    site: Site, valkey_server: Valkey
) -> None:
    alice = await site.browser("alice")
    secret = alice.cookie("session")
    valkey_server.stop()
    assert (await alice.get("/api/v1/me")).status == 200
    assert (await alice.post("/logout/")).status == 303
    stolen = site.visitor(headers={"Cookie": f"session={secret}"})
    assert (await stolen.get("/api/v1/me")).status == 401


async def test_a_disabled_account_is_out_once_its_cached_record_is_forgotten(site: Site) -> None:
    alice = await site.script("alice")
    me = (await alice.get("/api/v1/me")).json["id"]
    async with site.deps.pool.connection() as connection:
        await connection.execute("UPDATE users SET disabled_at = 1 WHERE id = $1", me)
    hashes = [row.token_hash for row in await site.deps.sessions.list(me)]
    await site.deps.cache.forget(hashes)
    assert (await alice.get("/api/v1/me")).status == 401
    form = {"username": "alice@example.org", "password": PASSWORD}
    answer = await site.visitor().post("/token", form)
    assert (answer.status, answer.code) == (401, "wrong_credentials")


async def test_a_token_request_is_not_stopped_by_an_old_token(site: Site) -> None:
    await site.open_account("alice")
    program = site.visitor(headers={"Authorization": "Bearer old"})
    form = {"username": "alice@example.org", "password": PASSWORD}
    assert (await program.post("/token", form)).status == 200
    assert (await program.get("/api/v1/me")).status == 401


async def test_a_refusal_of_redis_while_ending_is_not_the_persons_problem(
    site: Site,
) -> None:
    async def refuse(*_: object) -> None:
        raise Refusal("unavailable")

    alice = await site.script("alice")
    (own,) = await ids(alice)
    object.__setattr__(site.deps.cache, "drop", refuse)
    assert (await alice.send("DELETE", f"/api/v1/sessions/{own}")).status == 200
