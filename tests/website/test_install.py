"""The page as an application: manifest, worker, and what they point at."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import orjson
import pytest

from tests.website.site import Site

RELEASE = re.compile(r"const RELEASE = (\{.*\});")


async def release_of(site: Site, query: str = "", **headers: str) -> Any:
    visitor = site.visitor(browser=True)
    answer = await visitor.get(f"/service-worker.js{query}", headers=headers)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert "no-cache" in answer.headers["Cache-Control"]
    found = RELEASE.match(answer.text)
    assert found
    return orjson.loads(found[1])


@pytest.mark.parametrize(("language", "name"), [("en", "Beseda"), ("ru", "Беседа")])
async def test_the_manifest_names_the_chat_and_icons_that_are_there(
    site: Site, language: str, name: str
) -> None:
    visitor = site.visitor(browser=True)
    answer = await visitor.get(f"/manifest/{language}.webmanifest")
    assert answer.headers["Content-Type"] == "application/manifest+json"
    manifest = answer.json
    assert manifest["name"] == name
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        picture = await visitor.get(icon["src"])
        assert picture.headers["Content-Type"] == "image/png"
        size = [int.from_bytes(picture.body[at : at + 4], "big") for at in (16, 20)]
        assert icon["sizes"] == f"{size[0]}x{size[1]}"
    page = await visitor.get("/login/", headers={"Accept-Language": language})
    assert f'href="/manifest/{language}.webmanifest"' in page.text
    assert (await visitor.get("/manifest/xx.webmanifest")).status == 404


async def test_the_worker_knows_every_file_of_the_page_by_its_hash(site: Site) -> None:
    release = await release_of(site)
    files = dict(release["files"])
    page = await (await site.browser("alice")).get("/chatrooms/")
    prefix = f"/static/{release['version']}/"
    wanted = set(re.findall(rf'{prefix}([^"]+\.(?:css|js|svg))"', page.text))
    assert len(wanted) > 10
    assert wanted <= files.keys()
    assert page.headers["X-Page-Version"] == release["version"]
    for path in sorted(wanted)[:5]:
        body = (await site.visitor().get(prefix + path)).body
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        assert files[path] == f"sha256-{digest}"


async def test_the_worker_speaks_the_language_of_the_reader(site: Site) -> None:
    assert (await release_of(site, **{"Accept-Language": "ru"}))["lang"] == "ru"
    assert (await release_of(site, **{"Accept-Language": "en"}))["lang"] == "en"
    assert (await release_of(site, "?lang=ru"))["lang"] == "ru"
    assert (await release_of(site, "?lang=%22;alert(1)"))["lang"] == "en"


async def test_a_page_says_whose_session_it_belongs_to(site: Site) -> None:
    alice = await site.browser("alice")
    first = (await alice.get("/chatrooms/")).headers["X-Page-Session"]
    other = await site.browser("alice", new=False)
    assert (await other.get("/chatrooms/")).headers["X-Page-Session"] != first
    stranger = await site.visitor(browser=True).get("/login/")
    assert "X-Page-Session" not in stranger.headers


async def test_the_page_without_a_network_holds_nothing_of_anybody(site: Site) -> None:
    for language, words in (("en", "You are offline"), ("ru", "Нет сети")):
        answer = await site.visitor().get(f"/offline/{language}")
        assert words in answer.text
        assert 'name="csrf-token" content=""' in answer.text
    assert (await site.visitor().get("/offline/xx")).status == 404
