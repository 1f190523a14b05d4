"""A lost password is set anew by a link that works once."""

from __future__ import annotations

import asyncio
import re

import pytest

from server.auth import reset
from server.website import resets
from tests.website.site import PASSWORD, Site, Visitor
from tests.website.test_admin import admin, id_of
from tests.website.test_command import admin as command

NEW = "a-lamp-in-the-garden"


async def link(site: Site, name: str = "bob") -> str:
    """Make a link on the command line; returns its path."""
    code, [line], _ = await command(site, "reset-password", f"{name}@example.org")
    assert code == 0
    assert line["link"].startswith("/reset/")
    return str(line["link"])


async def log_in(site: Site, password: str) -> int:
    form = {"username": "bob@example.org", "password": password}
    return (await site.visitor().post("/token", form)).status


async def use(visitor: Visitor, path: str, password: str = NEW) -> int:
    return (await visitor.post(path, {"password": password})).status


async def test_a_link_sets_a_password_once_and_ends_all_sessions(site: Site) -> None:
    bob = await site.script("bob")
    path = await link(site)
    stranger = site.visitor(browser=True)
    for _ in range(2):
        # A messenger that looks at the link first uses nothing of it.
        page = await stranger.get(path)
        assert page.status == 200
        assert "bob@example.org" in page.text
    assert (await bob.get("/api/v1/me")).status == 200
    refused = await stranger.post(path, {"password": "short"})
    assert refused.status == 400
    assert 'id="password-error"' in refused.text
    done = await stranger.post(path, {"password": NEW})
    assert (done.status, done.location) == (303, "/login/?reset=1")
    assert "Your new password counts" in (await stranger.get(done.location)).text
    assert (await bob.get("/api/v1/me")).status == 401
    assert (await log_in(site, PASSWORD), await log_in(site, NEW)) == (401, 200)
    for again in (await stranger.get(path), await stranger.post(path, {"password": NEW + "2"})):
        assert again.status == 410
        assert "This link does not work any more" in again.text
    _, lines, _ = await command(site, "audit", "--target", "bob@example.org")
    assert [line.get("action") for line in lines[:-1]] == ["user.reset_password", "user.reset_link"]
    assert lines[0]["details"] == {"by": "link"}
    assert (lines[0]["actor"]["name"], lines[1]["address"]) == ("Bob", "command line")


async def test_of_two_who_use_a_link_at_once_one_wins(site: Site) -> None:
    await site.open_account("bob")
    path = await link(site)
    visitors = [site.visitor() for _ in range(4)]
    passwords = [f"{NEW}-{number}" for number in range(4)]
    used = await asyncio.gather(*map(use, visitors, [path] * 4, passwords))
    assert sorted(used) == [303, 410, 410, 410]
    assert await log_in(site, passwords[used.index(303)]) == 200


async def test_a_link_ends_with_the_password_it_was_made_for_and_with_its_day(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await site.script("bob")
    path = await link(site)
    change = {"current": PASSWORD, "new": NEW}
    assert (await bob.send("PUT", "/api/v1/me/password", change)).status == 200
    assert await use(site.visitor(), path, NEW + "2") == 410
    path = await link(site)
    monkeypatch.setattr(resets, "_now", lambda: 2 * reset.LIFE_MS + 1_900_000_000_000)
    assert await use(site.visitor(), path, NEW + "2") == 410


async def test_a_link_lets_in_nobody_who_is_disabled_deleted_or_a_bot(site: Site) -> None:
    alice, bob = await admin(site), await site.script("bob")
    bobs = await id_of(site, "bob")
    user = f"/api/v1/admin/users/{bobs}"
    made = await alice.ask("POST", f"{user}/reset-link")
    path = made.json["url"].removeprefix(site.base)
    assert (await alice.send("PATCH", user, {"disabled": True})).status == 200
    assert await use(site.visitor(), path) == 410
    assert (await alice.ask("POST", f"{user}/reset-link")).code == "forbidden"
    assert (await alice.send("PATCH", user, {"disabled": False})).status == 200
    assert (await alice.ask("DELETE", f"{user}?texts=keep")).status == 200
    assert await use(site.visitor(), path) == 410
    assert (await alice.ask("POST", f"{user}/reset-link")).status == 404
    assert (await bob.ask("POST", f"{user}/reset-link")).status in {401, 404}
    for wrong in ("/reset/x", path[:-1] + "x", path.replace("/reset/", "/reset/a")):
        assert await use(site.visitor(), wrong) == 410


async def test_an_administrator_makes_a_link_on_the_page(site: Site) -> None:
    alice = await admin(site, browser=True)
    await site.open_account("bob")
    one = f"/admin/users/{await id_of(site, 'bob')}/"
    assert "Make a link for a new password" in (await alice.get(one)).text
    shown = (await alice.post(f"{one}reset-link")).text
    found = re.search(r'class="secret">([^<]+)<', shown)
    assert found is not None
    assert found[1].startswith(f"{site.base}/reset/")
    assert 'class="secret"' not in (await alice.get(one)).text
    path = found[1].removeprefix(site.base)
    # Another site cannot post to it, whoever is logged in.
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    refused = await site.visitor(browser=True).post(path, {"password": NEW}, headers=foreign)
    assert refused.status == 403
    assert await use(site.visitor(), path) == 303
    assert "made a link for a new password of" in (await alice.get("/admin/audit/")).text
