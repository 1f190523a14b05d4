"""Files over HTTP: who may send one up, what is refused, who gets it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import FormData
from PIL import Image

from server.state import keys
from server.website.file_sweeper import FileSweeper
from server.writer.drain import Writer
from tests.conftest import MakeSettings
from tests.helpers import wait_until
from tests.website.site import Answer, Site, Visitor, open_site

TEXT = b"Flour, eggs, milk.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
async def site(make_settings: MakeSettings, folder: Path) -> AsyncIterator[Site]:
    settings = make_settings(
        send_rate=0, files_dir=folder, file_bytes=100_000, user_file_bytes=150_000
    )
    async with open_site(settings) as opened:
        yield opened


def photograph(width: int = 900, height: int = 600) -> bytes:
    """A picture as a camera writes it: lying on its side, with the place where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010F] = "Camera of Alice"
    exif.get_ifd(0x8825)[1] = "N"
    file = BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "JPEG", exif=exif, comment=b"at home")
    return file.getvalue()


async def upload(visitor: Visitor, room: str, data: bytes, name: str = "list.txt") -> Answer:
    form = FormData(quote_fields=False)  # as browsers write names
    form.add_field("file", data, filename=name)
    return await visitor.ask("POST", f"/api/v1/rooms/{room}/files", data=form)


async def say(visitor: Visitor, room: str, *tokens: str, text: str = "", cid: str = "c1") -> Answer:
    body = {"cid": cid, "text": text, "files": list(tokens)}
    return await visitor.send("POST", f"/api/v1/rooms/{room}/messages", body)


async def save(site: Site) -> None:
    """Let a writer take all that was said into PostgreSQL."""
    stop = asyncio.Event()
    client = site.deps.client
    writing = asyncio.create_task(Writer(client, site.deps.pool, site.settings).run(stop))
    drains = [keys.partition_keys(number).drain for number in range(client.partitions)]
    async with asyncio.timeout(20):
        while any([await client.execute("XLEN", drain) for drain in drains]):
            await asyncio.sleep(0.05)
    stop.set()
    await writing


async def newest(visitor: Visitor, room: str) -> Any:
    return (await visitor.get(f"/api/v1/rooms/{room}/messages")).json["events"][-1]


async def test_a_file_goes_up_in_a_form_or_as_it_is(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    in_form = await upload(alice, room, TEXT, "../Список: «еда».txt")
    path = f"/api/v1/rooms/{room}/files?name=list.txt"
    bare = await alice.ask("POST", path, data=TEXT)
    assert (in_form.status, bare.status) == (201, 201)
    assert in_form.json["file"] == {
        "id": in_form.json["file"]["id"],
        "name": "Список «еда».txt",
        "type": "text/plain",
        "bytes": len(TEXT),
    }
    file = bare.json["file"]
    answer = await alice.get(f"/files/{file['id']}/{file['name']}")
    assert (answer.status, answer.body) == (200, TEXT)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="list.txt"')
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_browser_needs_its_form_token(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    path = f"/api/v1/rooms/{room}/files"
    assert (await alice.ask("POST", path, data=TEXT)).code == "csrf"
    assert (await alice.ask("POST", path, data=TEXT, headers=site.token(alice))).status == 201


async def test_a_message_carries_files_and_readers_get_them(site: Site) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    room = await site.room(alice)
    sent = [(await upload(alice, room, TEXT, name)).json for name in ("a.txt", "b.txt")]
    assert (await say(alice, room, *(each["token"] for each in sent))).status == 200
    message = await newest(bob, room)
    assert (message["text"], message["files"]) == ("", [each["file"] for each in sent])
    file = message["files"][0]
    part = await bob.get(f"/files/{file['id']}/a.txt", headers={"Range": "bytes=0-4"})
    assert (part.status, part.body) == (206, TEXT[:5])
    whole = await bob.get(f"/files/{file['id']}/a.txt")
    assert "private" in whole.headers["Cache-Control"]
    again = {"If-None-Match": whole.headers["ETag"]}
    assert (await bob.get(f"/files/{file['id']}/a.txt", headers=again)).status == 304
    assert (await site.visitor().get(f"/files/{file['id']}/a.txt")).status == 303
    page = await alice.get(f"/chatrooms/chat/{room}", headers={"Accept": "text/html"})
    assert f"/files/{file['id']}/a.txt" in page.text
    (item,) = (await alice.get("/api/v1/rooms")).json["rooms"]
    assert item["last"]["text"] == "a.txt, b.txt"
    await save(site)
    (found,) = (await bob.get("/api/v1/search?q=has:file")).json["results"]
    assert (found["segments"], found["files"]) == ([], message["files"])
    reader = await site.browser("carol")
    shown = await reader.get("/search?q=has:file", headers={"Accept": "text/html"})
    assert "a.txt, b.txt" in shown.text


async def test_a_token_for_reading_gets_files_and_another_one_none(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    file = (await upload(alice, room, TEXT)).json["file"]
    for scope, status in (("read", 200), ("write", 403)):
        wish = {"name": "Archive", "scopes": [scope], "expires_days": 7}
        made = (await alice.send("POST", "/api/v1/tokens", wish)).json
        headers = {"Authorization": f"Bearer {made['token']}", "Accept": "application/json"}
        answer = await site.visitor().get(f"/files/{file['id']}/list.txt", headers=headers)
        assert answer.status == status
        if status == 403:
            assert answer.code == "insufficient_scope"


async def test_strangers_learn_nothing_of_files_in_private_rooms(site: Site) -> None:
    alice, mallory = await site.script("alice"), await site.script("mallory")
    body = {"name": "cellar", "visibility": "private"}
    room = (await alice.send("POST", "/api/v1/rooms", body)).json["id"]
    file = (await upload(alice, room, TEXT)).json["file"]
    for path in (f"/files/{file['id']}/list.txt", "/files/neverexisted/list.txt", "/files/a.b/c"):
        answer = await mallory.get(path, headers={"Accept": "application/json"})
        assert (answer.status, answer.code) == (404, "file_not_found")
    assert (await upload(mallory, room, TEXT)).code == "room_not_found"
    public = await site.room(alice, "kitchen")
    assert (await upload(mallory, public, TEXT)).code == "not_a_member"


async def test_a_token_is_good_for_one_person_in_one_room(site: Site) -> None:
    alice, mallory = await site.script("alice"), await site.script("mallory")
    room, other = await site.room(alice), await site.room(alice, "cellar")
    token = (await upload(alice, room, TEXT)).json["token"]
    login = alice.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    secret = site.settings.secret
    old = jwt.encode(claims | {"exp": int(time.time()) - 1}, secret, algorithm="HS256")
    forged = jwt.encode(claims, b"x" * 32, algorithm="HS256")
    assert (await say(alice, other, token)).code == "invalid_file"
    assert (await say(mallory, room, token)).code == "invalid_file"
    for bad in (login, old, forged, token[:-4] + "AAAA", "x", "é", "x" * 5000):
        assert (await say(alice, room, bad)).code == "invalid_file", bad
    assert (await say(alice, room, token, token)).code == "invalid_file"
    assert (await say(alice, room, *([token] * 11))).code == "bad_request"
    assert (await say(alice, room)).code == "empty_text"
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await site.visitor().get("/api/v1/me", headers=bearer)).code == "unauthorized"
    assert (await say(alice, room, token)).status == 200


async def test_too_much_is_refused_and_leaves_nothing(site: Site, folder: Path) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    assert (await upload(alice, room, b"x" * 100_001)).code == "file_too_large"
    answer = await alice.ask("POST", f"/api/v1/rooms/{room}/files", data=b"x" * 200_000)
    assert (answer.status, answer.code) == (413, "file_too_large")
    assert (await upload(alice, room, b"")).code == "empty_file"
    assert (await upload(alice, room, b"x" * 100_000)).status == 201
    assert (await upload(alice, room, b"x" * 60_000)).code == "own_files_full"
    assert (await upload(alice, room, b"x" * 40_000)).status == 201
    assert list((folder / "incoming").iterdir()) == []


async def test_the_whole_installation_has_a_limit(
    make_settings: MakeSettings, folder: Path
) -> None:
    settings = make_settings(files_dir=folder, all_file_bytes=50_000)
    async with open_site(settings) as site:
        alice, bob = await site.script("alice"), await site.script("bob")
        room = await site.room(alice)
        await bob.get(f"/chatrooms/chat/{room}")
        assert (await upload(alice, room, b"x" * 40_000)).status == 201
        answer = await upload(bob, room, b"x" * 20_000)
        assert (answer.status, answer.code) == (507, "all_files_full")


async def test_a_picture_loses_what_the_camera_wrote_and_gets_a_thumbnail(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    file = (await upload(alice, room, photograph(), "home.png")).json["file"]
    assert (file["type"], file["width"], file["height"]) == ("image/jpeg", 600, 900)
    whole = await alice.get(f"/files/{file['id']}/home.png")
    assert whole.headers["Content-Disposition"].startswith("inline")
    assert len(whole.body) == file["bytes"]
    assert b"Camera" not in whole.body
    assert b"at home" not in whole.body
    assert not Image.open(BytesIO(whole.body)).getexif()
    small = await alice.get(f"/files/{file['id']}/thumbnail")
    assert small.headers["Content-Type"] == "image/webp"
    assert Image.open(BytesIO(small.body)).size == (480, 720)


async def test_what_a_page_would_run_is_only_saved(site: Site) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    for data in (b"<html><script>alert(1)</script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        file = (await upload(alice, room, data, "page.html")).json["file"]
        answer = await alice.get(f"/files/{file['id']}/page.html")
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.headers["Content-Disposition"].startswith("attachment")


async def test_who_may_only_read_sends_no_files(site: Site) -> None:
    alice, bob = await site.script("alice"), await site.script("bob")
    room = await site.room(alice)
    await bob.get(f"/chatrooms/chat/{room}")
    member = f"/api/v1/rooms/{room}/members/{(await bob.get('/api/v1/me')).json['id']}"
    assert (await alice.send("PUT", member, {"role": "muted"})).status == 200
    assert (await upload(bob, room, TEXT)).code == "muted"


async def test_the_files_of_a_deleted_message_go_away(site: Site, folder: Path) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    kept, gone = [(await upload(alice, room, TEXT)).json for _ in range(2)]
    await say(alice, room, kept["token"], cid="c1")
    posted = (await say(alice, room, gone["token"], cid="c2")).json
    await save(site)
    at = f"/api/v1/rooms/{room}/messages/{posted['epoch']}-{posted['seq']}"
    assert (await alice.ask("DELETE", at)).status == 200
    assert "files" not in await newest(alice, room)
    await save(site)
    path = f"/files/{gone['file']['id']}/list.txt"
    assert (await alice.get(path, headers={"Accept": "application/json"})).status == 404
    sweeper = FileSweeper(site.deps.uploads, unused_ms=0)
    assert await sweeper.sweep() == 1
    files = [path.name for path in folder.rglob("*") if path.is_file()]
    assert files == [kept["file"]["id"]]
    assert (await alice.get(f"/files/{kept['file']['id']}/list.txt")).status == 200
    export = (await alice.get("/api/v1/me/export")).text
    assert kept["file"]["id"] in export
    assert gone["file"]["id"] not in export


async def test_unused_uploads_and_files_of_deleted_rooms_go_away(site: Site, folder: Path) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    used, _unused = [(await upload(alice, room, photograph(90, 60))).json for _ in range(2)]
    await say(alice, room, used["token"])
    await save(site)
    uploads = site.deps.uploads
    assert await FileSweeper(uploads).sweep() == 0
    assert await FileSweeper(uploads, unused_ms=-1000).sweep() == 1
    assert (await alice.send("DELETE", f"/api/v1/rooms/{room}")).status == 200
    assert await FileSweeper(uploads).sweep() == 1
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    await uploads.files.check_space("alice", 150_000)


async def test_a_page_without_scripts_sends_a_file_by_its_form(site: Site) -> None:
    alice = await site.browser("alice")
    room = await site.room(alice)
    page = (await alice.get(f"/chatrooms/chat/{room}")).text
    [action] = re.findall(r'action="(/chatrooms/files/[^"]+)"', page)
    for token, status in (("x", 403), ("", 403), (alice.csrf, 303)):
        form = FormData()
        if token:
            form.add_field("csrf_token", token)
        form.add_field("file", TEXT, filename="list.txt")
        answer = await alice.ask("POST", action, data=form)
        assert answer.status == status
    assert answer.location == f"/chatrooms/chat/{room}#end"
    page = (await alice.get(f"/chatrooms/chat/{room}")).text
    assert page.count("/list.txt") == 1


async def test_an_upload_that_breaks_off_leaves_nothing(site: Site, folder: Path) -> None:
    alice = await site.script("alice")
    room = await site.room(alice)
    begun = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield TEXT
        begun.set()
        await asyncio.Event().wait()

    going = asyncio.create_task(upload_slowly(alice, room, half()))
    await begun.wait()
    await wait_until(lambda: len(list(folder.glob("incoming/*"))) == 1)
    going.cancel()
    with suppress(asyncio.CancelledError):
        await going
    await wait_until(lambda: list(folder.glob("incoming/*")) == [])
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert site.deps.uploads._busy.total() == 0


async def upload_slowly(visitor: Visitor, room: str, chunks: AsyncIterator[bytes]) -> Answer:
    return await visitor.ask("POST", f"/api/v1/rooms/{room}/files", data=chunks)
