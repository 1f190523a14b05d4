"""``python -m server admin``, as an operator types it."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import orjson

from tests.house.tree import ROOT
from tests.website.site import Site


async def admin(site: Site, *words: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the command; returns its exit code, the lines that it wrote and what it complained of."""
    settings = site.settings
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", "admin", *words),
        env={
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": settings.database,
            "REDIS_URL": settings.redis_url.get_secret_value(),
            "PARTITIONS": str(settings.partitions),
            "JWT_SECRET_KEY": settings.secret.decode(),
            "STARTUP_S": "5",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, complaint = await process.communicate()
    assert process.returncode is not None
    return process.returncode, [orjson.loads(line) for line in out.splitlines()], complaint.decode()


async def test_the_first_administrator_is_made_on_the_command_line(site: Site) -> None:
    alice = await site.script("alice")
    assert (await alice.get("/api/v1/admin/users")).status == 404
    code, [line], _ = await admin(site, "grant", "Alice@Example.org")
    assert (code, line["email"], line["is_admin"]) == (0, "alice@example.org", True)
    assert (await alice.get("/api/v1/admin/users")).status == 200
    code, lines, _ = await admin(site, "audit", "--action", "user.grant")
    assert (code, lines[0]["action"], lines[0]["address"]) == (0, "user.grant", "command line")
    assert lines[-1] == {"line": "end", "lines": 1}
    code, lines, complaint = await admin(site, "grant", "nobody@example.org")
    assert (code, lines) == (1, [])
    assert complaint.splitlines()[-1] == "beseda: There is nothing here."


async def test_what_the_page_does_the_command_line_does_too(site: Site) -> None:
    bob = await site.script("bob")
    room = await site.room(bob, "Кладовая")
    message = {"cid": "c1", "text": "слово"}
    assert (await bob.send("POST", f"/api/v1/rooms/{room}/messages", message)).status == 200
    code, lines, _ = await admin(site, "export-room", room)
    assert code == 0
    assert [line.get("text") for line in lines if line.get("ev") == "message"] == ["слово"]
    assert lines[-1]["line"] == "end"
    code, [line], _ = await admin(site, "reset-password", "--temporary", "bob@example.org")
    assert code == 0
    assert (await bob.get("/api/v1/me")).status == 401
    form = {"username": "bob@example.org", "password": line["password"]}
    assert (await site.visitor().post("/token", form)).status == 200
    code, [line], _ = await admin(site, "disable", "bob@example.org")
    assert (code, line["disabled"]) == (0, True)
    assert (await site.visitor().post("/token", form)).status == 401
    _, [line], _ = await admin(site, "users", "--state", "disabled")
    assert (line["email"], line["sessions"]) == ("bob@example.org", 0)
    code, lines, complaint = await admin(site, "delete-user", "bob@example.org", "--texts", "keep")
    assert (code, lines) == (2, [])
    assert "--yes" in complaint
    words = ("--texts", "keep", "--rooms", "delete", "--language", "ru", "--yes")
    code, [line], _ = await admin(site, "delete-user", "bob@example.org", *words)
    assert (code, line["deleted"]) == (0, True)
    _, [line], _ = await admin(site, "rooms", "--state", "deleted")
    assert (line["id"], line["owner"]["name"]) == (room, "Удалённый аккаунт")
    assert (await admin(site, "audit", "--since", "monday"))[0] == 1
