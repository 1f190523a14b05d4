from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from server.website.assets import Assets
from tests.website.site import Site

STATIC = Path(__file__).resolve().parents[2] / "web" / "static"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "js").mkdir(parents=True)
    (root / "js" / "app.js").write_text("one")
    (root / ".hidden").write_text("secret")
    (tmp_path / "outside.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    return root


def test_the_address_changes_with_any_file_of_the_folder(folder: Path) -> None:
    first = Assets(folder).url("js/app.js")
    assert re.fullmatch(r"/static/[0-9a-f]{12}/js/app\.js", first)
    assert Assets(folder).url("js/app.js") == first
    (folder / "js" / "other.js").write_text("one")
    second = Assets(folder).url("js/app.js")
    (folder / "js" / "other.js").write_text("two")
    third = Assets(folder).url("js/app.js")
    (folder / "js" / "other.js").rename(folder / "js" / "another.js")
    assert len({first, second, third, Assets(folder).url("js/app.js")}) == 4
    assert Assets(folder).url("js/missing.js") == "/static/js/missing.js"


def test_a_folder_that_is_too_large_to_keep_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.website.assets.FOLDER_BYTES", 2)
    with pytest.raises(ValueError, match="holds more than"):
        Assets(folder)


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../outside.txt",
        "js/../../outside.txt",
        "js//app.js",
        "/etc/passwd",
        ".hidden",
        "js/.",
        "js",
        "link.txt",
        "js\\app.js",
        "js/app.js\0",
        "x" * 5000,
    ],
)
def test_nothing_but_files_below_the_folder_is_found(folder: Path, path: str) -> None:
    assert Assets(folder).find(path) is None


async def test_a_file_is_kept_for_ever_by_its_version_and_asked_for_again_without(
    site: Site,
) -> None:
    visitor = site.visitor()
    page = await visitor.get("/login/")
    address = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    kept = await visitor.get(address)
    assert kept.status == 200
    assert kept.headers["Content-Type"] == "text/css; charset=utf-8"
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    _, _, version, name = address.split("/", 3)
    for other in (f"/static/{name}", f"/static/000000000000/{name}"):
        today = await visitor.get(other)
        assert today.body == kept.body
        assert today.headers["Cache-Control"] == "public, no-cache"
    twice = await visitor.get(f"/static/{version}/{version}/{name}")
    assert (twice.status, twice.headers["Cache-Control"]) == (404, "no-store")
    assert "Set-Cookie" not in kept.headers


async def test_each_encoding_of_a_file_has_its_own_tag(site: Site) -> None:
    visitor = site.visitor()
    address = "/static/css/base.css"
    zipped = await visitor.get(address, headers={"Accept-Encoding": "gzip"})
    plain = await visitor.get(address, headers={"Accept-Encoding": "br, gzip;q=0"})
    assert plain.body == zipped.body
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert int(zipped.headers["Content-Length"]) < len(plain.body)
    assert "Content-Encoding" not in plain.headers
    tags = [answer.headers["ETag"] for answer in (zipped, plain)]
    assert len(set(tags)) == 2
    for accepted, mine, other in (("gzip", *tags), ("identity", *reversed(tags))):
        for known, status in (
            *((mine, 304), (f"W/{mine}", 304), (f'"x", {mine}', 304), ("*", 304)),
            (other, 200),
        ):
            headers = {"Accept-Encoding": accepted, "If-None-Match": known}
            again = await visitor.get(address, headers=headers)
            assert again.status == status, (accepted, known)
            assert again.headers["Vary"] == "Accept-Encoding"
            assert again.headers["ETag"] == mine


def test_scripts_and_sheets_lose_comments_and_blanks_and_nothing_else(folder: Path) -> None:
    script = "/** Why. */\nexport function one() {\n  // two\n  return `a  //b ${/\\/\\//u}`;\n}\n"
    (folder / "js" / "app.js").write_text(script)
    sheet = "/* why */\na > b {\n  color: red;\n  margin: calc(1px + 2px);\n}\n"
    (folder / "app.css").write_text(sheet)
    assets = Assets(folder)
    served = [assets.find("js/app.js"), assets.find("app.css")]
    assert [each.plain.decode() for each in served if each] == [
        "export function one(){return`a  //b ${/\\/\\//u}`;}",
        "a>b{color:red;margin:calc(1px + 2px)}",
    ]


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_every_script_is_one_without_its_comments_too(tmp_path: Path) -> None:
    assets = Assets(STATIC)
    for path in STATIC.rglob("*.js"):
        served = assets.find(path.relative_to(STATIC).as_posix())
        assert served is not None
        assert b"/**" not in served.plain
        module = tmp_path / "module.mjs"
        module.write_bytes(served.plain)
        subprocess.run(["node", "--check", str(module)], check=True, timeout=30)


async def test_what_gzip_does_not_make_smaller_is_sent_as_it_is(folder: Path) -> None:
    (folder / "noise.png").write_bytes(os.urandom(4096))
    asset = Assets(folder).find("noise.png")
    assert asset is not None
    assert asset.zipped == b""
    assert asset.kind == "image/png"


async def test_only_the_head_of_a_file_comes_when_asked(site: Site) -> None:
    answer = await site.visitor().ask("HEAD", "/static/css/base.css")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("js/app.js", "text/javascript; charset=utf-8"),
        ("img/logo.svg", "image/svg+xml"),
    ],
)
async def test_files_have_the_type_that_browsers_insist_on(
    site: Site, path: str, kind: str
) -> None:
    assert (await site.visitor().get(f"/static/{path}")).headers["Content-Type"] == kind


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2f..%2fserver/__init__.py",
        "/static/%2e%2e/%2e%2e/server/__init__.py",
        "/static/js/%00",
        "/static//etc/passwd",
        "/static/",
        "/static/%5c..%5cserver",
        "/static/000000000000/..%2f..%2fserver/__init__.py",
    ],
)
async def test_no_address_leads_out_of_the_folder(site: Site, path: str) -> None:
    from yarl import URL

    async with site.visitor()._session.get(URL(site.base + path, encoded=True)) as answer:
        assert answer.status in {400, 404}
