"""The function library: loaded when missing or older, left alone when newer."""

from __future__ import annotations

import pytest

from server.domain.errors import Refusal
from server.state import library
from server.state.client import RedisClient, open_redis
from server.state.rooms import Rooms
from tests.conftest import MakeSettings
from tests.helpers import REDIS_KINDS
from tests.state.conftest import ALICE, snapshot

DIGESTS = {
    1: "443dabdfe612d127",
    2: "e630806783df4872",
    3: "f8afd2285bd5d71b",
    4: "90c36d67d6861a19",
    5: "91a05d6951e8705f",
    6: "62fcb21f77d9d4ca",
    7: "0de53245db5fca4a",
    8: "bbea3e857191fed6",
    9: "f6026a83ccb0a945",
    10: "6f1b876c4c80cd71",
    11: "88e42354fbd07273",
    13: "29473b132cda08b0",
}
"""Digest of every version: a change of the Lua files wants the next number."""


def test_a_changed_library_has_a_new_version() -> None:
    assert DIGESTS[library.VERSION] == library.digest(), "raise library.VERSION and note the digest"


@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
async def test_an_older_library_is_replaced_and_a_newer_one_stays(client: RedisClient) -> None:
    name = library.NAME
    for version, expected in ((0, library.VERSION), (99, 99)):
        code = (
            f"#!lua name={name}\nredis.register_function{{function_name='version',"
            f"flags={{'no-writes'}}, callback=function() return {{{version}, 'x'}} end}}"
        )
        await client.execute("FUNCTION", "LOAD", "REPLACE", code)
        await client.load_library()
        assert (await client.execute("FCALL_RO", "version", 0))[0] == expected


@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
async def test_a_library_that_was_lost_is_loaded_by_the_next_call(client: RedisClient) -> None:
    await client.execute("FUNCTION", "FLUSH")
    await client.ping()
    await Rooms(client).hydrate(snapshot("kitchen"))
    assert (await Rooms(client).enter("kitchen", ALICE)).unread == 0


async def test_another_number_of_partitions_is_refused_in_words(
    client: RedisClient, make_settings: MakeSettings
) -> None:
    with pytest.raises(ValueError, match="PARTITIONS is 7, but this installation has 16"):
        async with open_redis(make_settings(partitions=7)):
            pass


async def test_a_redis_that_does_not_answer_is_named(make_settings: MakeSettings) -> None:
    settings = make_settings(redis_url="redis://127.0.0.1:1/0", startup_s=0.1)
    with pytest.raises(Refusal, match="Redis does not answer"):
        async with open_redis(settings):
            pass
