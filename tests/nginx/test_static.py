from __future__ import annotations

from pathlib import Path

import pytest

from server.website.middleware.headers import FIXED, OF_FILES, content_policy
from tests.nginx.conftest import Site

pytestmark = pytest.mark.nginx


async def test_a_file_named_with_its_version_is_kept_for_ever(site: Site, static: Path) -> None:
    response = await site.browser.get("/static/0123456789ab/js/page.js")
    assert response.status == 200
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Content-Type"].partition(";")[0] in {
        "application/javascript",
        "text/javascript",
    }
    assert site.reached == 0
    assert await response.read() == (static / "js" / "page.js").read_bytes()


async def test_a_file_without_a_version_is_asked_for_again(site: Site) -> None:
    response = await site.browser.get("/static/page.css")
    assert response.headers["Cache-Control"] == "public, no-cache"
    again = await site.browser.get(
        "/static/page.css", headers={"If-None-Match": response.headers["ETag"]}
    )
    assert again.status == 304


@pytest.mark.parametrize(
    "path",
    [
        "/static/0123456789ab/none.js",
        "/static/0123456789ab/",
        "/static/0123456789ab/0123456789ab/page.css",
        "/static/0123456789AB/page.css",
        "/static/page.css%0a",
    ],
)
async def test_that_a_file_is_missing_is_not_kept(site: Site, path: str) -> None:
    response = await site.browser.get(path)
    assert response.status in {403, 404}
    assert "Cache-Control" not in response.headers
    assert site.reached == 0


@pytest.mark.parametrize("path", ["page.css", "0123456789ab/page.css", "small.svg"])
async def test_a_file_carries_the_headers_that_the_website_gives_it_and_no_others(
    site: Site, path: str
) -> None:
    response = await site.browser.get(f"/static/{path}")
    assert response.status == 200
    for name, value in OF_FILES.items():
        assert response.headers.getall(name) == [value]
    assert not (set(FIXED) - set(OF_FILES)) & set(response.headers)


@pytest.mark.parametrize("path", ["/static/none.css", "/static/", "/metrics"])
async def test_what_nginx_answers_itself_carries_the_headers_of_the_website(
    site: Site, path: str
) -> None:
    response = await site.browser.get(path)
    for name, value in FIXED.items():
        assert response.headers.getall(name) == [value]
    policy = content_policy("", secure=False)
    assert response.headers.getall("Content-Security-Policy") == [policy]
    assert "Strict-Transport-Security" not in response.headers


async def test_text_is_compressed_and_says_that_it_varies(site: Site) -> None:
    for path in ("/static/js/page.js", "/static/page.css", "/static/0123456789ab/page.css"):
        response = await site.browser.get(path, headers={"Accept-Encoding": "gzip"})
        assert response.headers["Content-Encoding"] == "gzip"
        assert response.headers["Vary"] == "Accept-Encoding"


async def test_the_compression_of_pages_is_left_to_the_website(site: Site) -> None:
    response = await site.browser.get("/chatrooms/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static../secret.txt",
        "/static//../../secret.txt",
        "/static/js/../../secret.txt",
        "/static/0123456789ab/../../secret.txt",
        "/static/0123456789ab/..%2fsecret.txt",
        "/static/0123456789ab//../secret.txt",
        "/static/0123456789ab/%252e%252e/secret.txt",
    ],
)
async def test_nothing_beside_the_folder_is_served(site: Site, path: str) -> None:
    answer = await site.front.raw(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert b"not for anybody" not in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_files_are_only_read(site: Site, method: str) -> None:
    response = await site.browser.request(method, "/static/page.css")
    assert response.status in {403, 405}


async def test_a_folder_is_not_listed(site: Site) -> None:
    assert (await site.browser.get("/static/js/")).status in {403, 404}
