from __future__ import annotations

import pytest

from server.website.compression import reads_gzip
from tests.website.site import Site


@pytest.mark.parametrize(
    ("accepted", "reads"),
    [
        ("gzip, deflate, br, zstd", True),
        ("GZIP", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("gzip;q=much", False),
        ("gzipped", False),
    ],
)
def test_an_accept_encoding_header_is_read_as_it_is_meant(accepted: str, reads: bool) -> None:
    assert reads_gzip(accepted) is reads


async def test_a_page_is_compressed_for_whoever_reads_that(site: Site) -> None:
    alice = await site.browser("alice")
    zipped = await alice.get("/chatrooms/", headers={"Accept-Encoding": "gzip"})
    plain = await alice.get("/chatrooms/", headers={"Accept-Encoding": "gzip;q=0"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert int(zipped.headers["Content-Length"]) < len(zipped.body) / 2
    assert "Content-Encoding" not in plain.headers
    for answer in (zipped, plain):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "<!doctype html>" in answer.text


async def test_a_compressed_page_never_shows_the_same_form_token_twice(site: Site) -> None:
    alice = await site.browser("alice")
    tokens = set()
    for _ in range(3):
        await alice.get("/chatrooms/", headers={"Accept-Encoding": "gzip"})
        nonce, _, mac = alice.csrf.partition(".")
        tokens |= {nonce, mac}
    assert len(tokens) == 6


async def test_answers_to_programs_are_not_compressed(site: Site) -> None:
    alice = await site.script("alice")
    answer = await alice.get("/api/v1/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert len(answer.body) > 1024
    assert "Content-Encoding" not in answer.headers
