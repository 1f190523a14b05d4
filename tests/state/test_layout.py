"""Of several who say who is master, the newest configuration counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from server.state.address import Server
from server.state.layout import Ask, Command, Unknown, find_cluster, find_master

A, B, C = ("a", 1), ("b", 2), ("c", 3)
PATIENCE_S = 1.0


def answering(answers: Mapping[Server, Any]) -> Ask:
    """Make an ``ask`` by which each server answers what is given, or fails, or never answers."""

    async def ask(server: Server, _commands: Sequence[Command]) -> list[Any]:
        answer = answers[server]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    return ask


def sentinel(master: Server, epoch: int) -> list[Any]:
    """What a Sentinel answers."""
    address = [master[0].encode(), str(master[1]).encode()]
    return [address, [b"name", b"chat", b"config-epoch", str(epoch).encode()]]


def node(owners: Mapping[Server, tuple[int, int]], epoch: int, *, state: str = "ok") -> list[Any]:
    """What a node of a Cluster answers."""
    slots = [
        [low, high, [host.encode(), port, b"id"]] for (host, port), (low, high) in owners.items()
    ]
    info = f"cluster_state:{state}\r\ncluster_current_epoch:{epoch}\r\n".encode()
    return [slots, info]


async def test_a_sentinel_that_was_cut_off_is_outvoted_by_a_newer_one() -> None:
    ask = answering({A: sentinel(("old", 1), 3), B: sentinel(("new", 2), 4), C: ConnectionError()})
    layout = await find_master(ask, [A, B, C], "chat", PATIENCE_S)
    assert layout.masters == (("new", 2),)


async def test_sentinels_that_say_nothing_hold_nobody_up_once_most_have_answered() -> None:
    ask = answering({A: None, B: sentinel(("new", 2), 4), C: sentinel(("new", 2), 4)})
    began = time.monotonic()
    await find_master(ask, [A, B, C], "chat", 30)
    assert time.monotonic() - began < 10


async def test_one_sentinel_that_answers_is_enough_when_the_others_are_gone() -> None:
    ask = answering({A: None, B: ConnectionError(), C: sentinel(("new", 2), 4)})
    layout = await find_master(ask, [A, B, C], "chat", 0.05)
    assert layout.masters == (("new", 2),)


@pytest.mark.parametrize(
    "answer", [None, ConnectionError(), [None, None], [KeyError(), KeyError()]]
)
async def test_nobody_is_master_when_no_sentinel_knows(answer: Any) -> None:
    with pytest.raises(Unknown):
        await find_master(answering({A: answer}), [A], "chat", 0.05)


async def test_a_node_that_was_cut_off_is_outvoted_by_a_newer_one() -> None:
    old = node({A: (0, 99), B: (100, 16383)}, 3)
    new = node({C: (0, 99), B: (100, 16383)}, 4)
    layout = await find_cluster(answering({A: old, B: new, C: new}), [A, B, C], PATIENCE_S)
    assert set(layout.masters) == {B, C}


async def test_a_node_that_knows_that_it_is_cut_off_is_believed_last() -> None:
    failed = node({A: (0, 16383)}, 9, state="fail")
    sound = node({B: (0, 16383)}, 4)
    layout = await find_cluster(answering({A: failed, B: sound}), [A, B], PATIENCE_S)
    assert layout.masters == (B,)


async def test_a_node_that_names_no_host_means_itself() -> None:
    layout = await find_cluster(answering({A: node({("", 7): (0, 16383)}, 1)}), [A], PATIENCE_S)
    assert layout.masters == (("a", 7),)


async def test_a_user_who_may_not_ask_for_the_epoch_gets_the_slots_all_the_same() -> None:
    slots, _ = node({A: (0, 16383)}, 1)
    layout = await find_cluster(answering({A: [slots, KeyError("NOPERM")]}), [A], PATIENCE_S)
    assert layout.owner(("HGET", "c:{3}:head", "n")) == A
    assert layout.owner(("FCALL", "publish", 1, "c:{3}:head")) == A


async def test_a_slot_that_nobody_owns_is_said_and_can_be_moved() -> None:
    layout = await find_cluster(answering({A: node({A: (0, 0)}, 1)}), [A], PATIENCE_S)
    with pytest.raises(Unknown):
        layout.owner_of("c:{3}:head")
    slot = 1584
    layout.move(slot, B)
    assert layout.owner_of("c:{3}:head") == B
    assert layout.masters == (A, B)
