from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from server.runtime.settings import Settings
from server.website.assets import Assets
from tests.website.site import Site

MakeSettings = Callable[..., Settings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "js").mkdir(parents=True)
    (root / "js" / "app.js").write_text("one")
    (root / ".hidden").write_text("secret")
    (tmp_path / "outside.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    return root


def test_the_address_changes_with_the_content(folder: Path) -> None:
    assets = Assets(folder)
    first = assets.url("js/app.js")
    assert first.startswith("/static/js/app.js?v=")
    assert assets.url("js/app.js") == first
    (folder / "js" / "app.js").write_text("other")
    assert assets.url("js/app.js") != first
    assert assets.url("js/missing.js") == "/static/js/missing.js"


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


async def test_a_file_is_kept_for_ever_by_its_hash_and_asked_for_again_without(site: Site) -> None:
    visitor = site.visitor()
    page = await visitor.get("/login/")
    address = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    kept = await visitor.get(address)
    assert kept.status == 200
    assert kept.headers["Content-Type"] == "text/css; charset=utf-8"
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = await visitor.get(address.partition("?")[0])
    assert plain.headers["Cache-Control"] == "public, no-cache"
    stale = await visitor.get(address.partition("?")[0] + "?v=000000000000")
    assert stale.headers["Cache-Control"] == "public, no-cache"
    again = await visitor.get(address, headers={"If-None-Match": kept.headers["ETag"]})
    assert again.status == 304
    assert "Set-Cookie" not in kept.headers


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
    ],
)
async def test_no_address_leads_out_of_the_folder(site: Site, path: str) -> None:
    from yarl import URL

    async with site.visitor()._session.get(URL(site.base + path, encoded=True)) as answer:
        assert answer.status in {400, 404}
