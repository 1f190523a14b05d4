"""Files come from the website; nginx keeps what may be kept for ever."""

from __future__ import annotations

import pytest

from server.website.middleware.headers import FIXED, OF_FILES, content_policy
from tests.nginx.conftest import Site
from tests.nginx.whole import Whole

pytestmark = pytest.mark.nginx


async def _named(whole: Whole) -> str:
    """Return the address of a file as a page names it."""
    async with whole.browser() as browser:
        page = await (await browser.get("/login/")).text()
    return page.partition('rel="stylesheet" href="')[2].partition('"')[0]


async def test_a_file_that_is_kept_comes_also_while_the_website_is_away(whole: Whole) -> None:
    address = await _named(whole)
    async with whole.browser() as browser:
        for encoding in ("gzip", "identity"):
            first = await browser.get(address, headers={"Accept-Encoding": encoding})
            assert first.status == 200
            assert first.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert first.headers["Vary"] == "Accept-Encoding"
        whole.website.process.kill()
        await whole.website.process.wait()
        assert (await browser.get("/login/")).status == 503
        for encoding in ("gzip", "identity"):
            again = await browser.get(address, headers={"Accept-Encoding": encoding})
            assert again.status == 200
            assert again.headers.get("Content-Encoding", "identity") == encoding
            known = {"If-None-Match": again.headers["ETag"], "Accept-Encoding": encoding}
            assert (await browser.get(address, headers=known)).status == 304


async def test_what_is_not_for_ever_is_asked_for_each_time(whole: Whole) -> None:
    name = (await _named(whole)).split("/", 3)[3]
    async with whole.browser() as browser:
        for address in (f"/static/{name}", f"/static/000000000000/{name}"):
            answer = await browser.get(address)
            assert answer.headers["Cache-Control"] == "public, no-cache"
        known = {"If-None-Match": (await browser.get(f"/static/{name}")).headers["ETag"]}
        assert (await browser.get(f"/static/{name}", headers=known)).status == 304
        whole.website.process.kill()
        await whole.website.process.wait()
        assert (await browser.get(f"/static/{name}")).status == 503


async def test_a_file_carries_the_headers_that_the_website_gives_it_and_no_others(
    whole: Whole,
) -> None:
    address = await _named(whole)
    async with whole.browser() as browser:
        for _ in range(2):
            response = await browser.get(address)
            for name, value in OF_FILES.items():
                assert response.headers.getall(name) == [value]
            assert not (set(FIXED) - set(OF_FILES)) & set(response.headers)
            assert "Set-Cookie" not in response.headers


async def test_nobody_is_known_who_asks_for_a_file(site: Site) -> None:
    headers = {"Cookie": "session=abcdef", "Authorization": "Bearer abcdef"}
    answer = await (await site.browser.get("/static/page.css", headers=headers)).json()
    assert not {"cookie", "authorization"} & set(answer["headers"])


async def test_what_nginx_answers_itself_carries_the_headers_of_the_website(site: Site) -> None:
    response = await site.browser.get("/metrics")
    for name, value in FIXED.items():
        assert response.headers.getall(name) == [value]
    policy = content_policy("", secure=False)
    assert response.headers.getall("Content-Security-Policy") == [policy]
    assert "Strict-Transport-Security" not in response.headers


async def test_the_compression_of_pages_is_left_to_the_website(site: Site) -> None:
    response = await site.browser.get("/chatrooms/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_files_are_only_read(site: Site, method: str) -> None:
    response = await site.browser.request(method, "/static/page.css")
    assert response.status == 403
    assert site.reached == 0
