"""Files in an S3 store: the same for people, and what is told when the store fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession
from PIL import Image
from prometheus_client import REGISTRY
from pydantic import SecretStr

from server.files import bucket
from server.runtime.settings import Settings
from server.website.file_sweeper import FileSweeper
from tests.bucket import BUCKET, KEY, SECRET, names_in_bucket, owner, seaweed
from tests.conftest import MakeSettings
from tests.website.site import Site, Visitor, open_site

TEXT = bytes(range(256)) * 3000
"""More than one chunk of everything that passes it on."""
Make = Callable[..., Settings]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with seaweed(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture
def with_bucket(make_settings: MakeSettings, tmp_path: Path) -> Make:
    def make(url: str, **rest: Any) -> Settings:
        keys = {"files_s3_key": KEY, "files_s3_secret": SecretStr(SECRET)}
        return make_settings(
            **{"files_dir": tmp_path, "files_s3_url": url, "files_s3_bucket": BUCKET} | keys | rest
        )

    return make


@pytest.fixture
async def site(with_bucket: Make, store: str) -> AsyncIterator[Site]:
    async with owner(store) as client, client.request("PUT", BUCKET, data=b"") as made:
        assert made.status in {200, 409}
    async with open_site(with_bucket(store)) as opened:
        yield opened


async def upload(visitor: Visitor, room: str, data: bytes, status: int = 201) -> Any:
    path = f"/api/v1/rooms/{room}/files?name=boat.bin"
    answer = await visitor.ask("POST", path, data=data)
    assert answer.status == status
    return answer.json["file"] if status == 201 else answer.code


def failures(method: str) -> float:
    labels = {"method": method}
    return REGISTRY.get_sample_value("beseda_file_store_errors_total", labels) or 0.0


@asynccontextmanager
async def saying(words: bytes) -> AsyncIterator[str]:
    """Run a store that says some words to whoever calls, and falls silent or hangs up."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words)
        await writer.drain()
        if not words:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_file_goes_into_the_bucket_and_comes_back_whole_or_in_part(
    site: Site, store: str, tmp_path: Path
) -> None:
    alice = await site.script("alice")
    file = await upload(alice, await site.room(alice), TEXT)
    path = f"/files/{file['id']}/boat.bin"
    whole = await alice.get(path)
    assert (whole.status, whole.body) == (200, TEXT)
    assert whole.headers["Content-Length"] == str(len(TEXT))
    assert whole.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    part = await alice.get(path, headers={"Range": "bytes=300-309"})
    assert (part.status, part.body) == (206, TEXT[300:310])
    assert part.headers["Content-Range"] == f"bytes 300-309/{len(TEXT)}"
    beyond = await alice.get(path, headers={"Range": "bytes=9000000-"})
    assert (beyond.status, beyond.body) == (416, b"")
    again = await alice.get(path, headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    head = await alice.ask("HEAD", path)
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(TEXT)))
    assert not [left for left in tmp_path.rglob("*") if left.is_file()]


async def test_a_picture_has_its_thumbnail_and_both_go_away(site: Site, store: str) -> None:
    alice = await site.script("alice")
    picture = BytesIO()
    Image.new("RGB", (900, 600), "teal").save(picture, "PNG")
    file = await upload(alice, await site.room(alice), picture.getvalue())
    small = await alice.get(f"/files/{file['id']}/thumbnail")
    assert small.headers["Content-Type"] == "image/webp"
    assert Image.open(BytesIO(small.body)).size == (720, 480)
    both = {file["id"], f"{file['id']}.thumbnail"}
    assert both <= set(await names_in_bucket(store))
    await FileSweeper(site.deps.uploads, unused_ms=-1000).sweep()
    assert not both & set(await names_in_bucket(store))
    gone = await alice.get(f"/files/{file['id']}/boat.bin", headers={"Accept": "application/json"})
    assert (gone.status, gone.code) == (404, "file_not_found")


async def test_only_readers_of_the_room_get_what_is_in_the_bucket(site: Site, store: str) -> None:
    alice, mallory = await site.script("alice"), await site.script("mallory")
    body = {"name": "cellar", "visibility": "private"}
    room = (await alice.send("POST", "/api/v1/rooms", body)).json["id"]
    file = await upload(alice, room, TEXT)
    answer = await mallory.get(
        f"/files/{file['id']}/boat.bin", headers={"Accept": "application/json"}
    )
    assert (answer.status, answer.code) == (404, "file_not_found")
    address = f"{store}/{BUCKET}/{file['id'][:2]}/{file['id']}"
    async with ClientSession() as session, session.get(address) as direct:
        assert direct.status == 403


@pytest.mark.parametrize("wrong", [{"files_s3_bucket": "nowhere"}, {"files_s3_key": "mallory"}])
async def test_what_the_store_refuses_is_unavailable_and_takes_no_space(
    with_bucket: Make, store: str, wrong: dict[str, str]
) -> None:
    async with open_site(with_bucket(store, user_file_bytes=2 * len(TEXT), **wrong)) as site:
        alice = await site.script("alice")
        before = failures("PUT")
        assert await upload(alice, await site.room(alice), TEXT, 503) == "unavailable"
        assert failures("PUT") == before + 1
        assert len(await site.deps.uploads.files.deleted(10)) == 1


async def test_a_store_that_is_not_there_or_silent_is_unavailable(
    with_bucket: Make, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await site.script("alice")
    file = await upload(alice, await site.room(alice), TEXT)
    path, wanted = f"/files/{file['id']}/boat.bin", {"Accept": "application/json"}
    monkeypatch.setattr(bucket, "ANSWER_S", 0.3)
    uploads = site.deps.uploads
    async with saying(b"") as silent:
        for url in (silent, "http://127.0.0.1:1"):
            there, uploads.store = uploads.store, bucket.Bucket(with_bucket(url))
            before = failures("GET")
            answer = await alice.get(path, headers=wanted)
            assert (answer.status, answer.code) == (503, "unavailable")
            assert failures("GET") == before + 1
            await uploads.store.close()
            uploads.store = there
    assert (await alice.get(path)).body == TEXT


async def test_a_file_that_breaks_off_never_looks_whole(with_bucket: Make, site: Site) -> None:
    alice = await site.script("alice")
    file = await upload(alice, await site.room(alice), TEXT)
    uploads, before = site.deps.uploads, failures("GET")
    async with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf") as url:
        there, uploads.store = uploads.store, bucket.Bucket(with_bucket(url))
        with pytest.raises(ClientError):
            await alice.get(f"/files/{file['id']}/boat.bin")
        await uploads.store.close()
        uploads.store = there
    assert failures("GET") == before + 1


@pytest.mark.parametrize(
    "wrong", [{"files_s3_bucket": ""}, {"files_s3_key": ""}, {"files_s3_url": "s3.example.org"}]
)
def test_half_an_address_is_refused_at_the_start(with_bucket: Make, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="FILES_S3_URL"):
        bucket.Bucket(with_bucket("https://s3.example.org", **wrong))
