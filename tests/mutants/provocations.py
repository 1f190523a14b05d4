"""What is done to a server to bring a fault to light; each returns the judge's problems."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from tests.helpers import wait_until
from tests.mutants.stage import PACE_S, Stage
from tests.scenarios.evidence import saving_is_held_up
from tests.scenarios.load import people, saved, talking, town
from tests.scenarios.proxy import proxied
from tests.scenarios.weight import weigh

Provocation: TypeAlias = Callable[[Stage], Awaitable[list[str]]]


async def talk(stage: Stage) -> list[str]:
    """Some people talk; nothing happens."""
    async with stage.system() as system:
        clients = await town(system, rooms=1, inhabitants=4)
        async with talking(clients, PACE_S) as conversation:
            await conversation.goes_on(80)
        return await stage.verdict(system)


async def send_again(stage: Stage) -> list[str]:
    """The same message comes from two sockets at two replicas, as after a lost answer."""
    async with stage.system() as system:
        alice, bob = await people(system, 2)
        kitchen = await alice.create_room("Kitchen")
        first, second = await alice.open(kitchen, 0), await alice.open(kitchen, 1)
        watcher = await bob.open(kitchen)
        for number in range(5):
            cid = first.say(f"once {number}")
            await first.is_acknowledged(cid)
            await second.ask("send", room=kitchen, cid=cid, text=f"once {number}")
        await watcher.is_acknowledged(watcher.say("that was once"))
        return await stage.verdict(system)


async def writer_sleeps(stage: Stage) -> list[str]:
    """The writer stands still while much is said."""
    async with stage.system() as system:
        clients = await town(system, rooms=1, inhabitants=4)
        system.writers[0].stop()
        async with talking(clients, PACE_S) as conversation:
            await conversation.goes_on(150)
        system.writers[0].cont()
        return await stage.verdict(system)


async def writer_dies_while_saving(stage: Stage) -> list[str]:
    """The writer is killed in the middle of its transaction; nobody resends."""
    async with stage.system() as system:
        clients = await town(system, rooms=1, inhabitants=3)
        async with talking(clients, PACE_S) as conversation:
            await conversation.goes_on(30)
            async with saving_is_held_up(system):
                await conversation.goes_on(30)
                system.writers[0].kill()
        await system.writers[0].start()
        return await stage.verdict(system)


async def long_absence(stage: Stage) -> list[str]:
    """Somebody comes back when what he missed is no longer in Redis."""
    async with stage.system(log_events=10) as system:
        clients = await town(system, rooms=1, inhabitants=4)
        absent, others = clients[0], clients[1:]
        await absent.is_saved(absent.say("see you"))
        absent.cut()
        async with talking(others, PACE_S / 2) as conversation:
            # The log is trimmed by whole nodes of a hundred events.
            await conversation.goes_on(350)
        await wait_until(lambda: not any(each.unsaved for each in others), 30, "all is saved")
        others[0].say("one more, which trims the log")
        await absent.come_back()
        return await stage.verdict(system)


async def come_and_go(stage: Stage) -> list[str]:
    """People are cut off and come back again and again while others talk."""
    async with stage.system() as system:
        clients = await town(system, rooms=1, inhabitants=4)
        async with talking(clients, PACE_S) as conversation:
            for number in range(12):
                restless = clients[number % 2]
                restless.cut()
                await conversation.goes_on(10)
                await restless.come_back(replica=number % 2)
        return await stage.verdict(system)


async def sockets_end_and_begin(stage: Stage) -> list[str]:
    """People are cut off and come back many times, and are as many as before in the end."""
    async with stage.system() as system:
        clients = await town(system, rooms=1, inhabitants=4)
        for client in clients:
            await client.is_saved(client.say("here I am"))
        before = await weigh(system)
        for _ in range(8):
            for client in clients:
                client.cut()
            for client in clients:
                await client.come_back()
        return await stage.burden(system, before)


async def redis_forgets_everything(stage: Stage) -> list[str]:
    """Redis comes back empty when everything was saved."""
    async with stage.system() as system:
        clients = await town(system, rooms=1, inhabitants=4)
        await stage.converse(clients)
        stage.lose_everything()
        async with talking(clients, PACE_S) as conversation:
            await conversation.goes_on(40)
        return await stage.verdict(system, moved=True)


async def redis_goes_back_in_time(stage: Stage) -> list[str]:
    """Redis comes back with a file of before; PostgreSQL has what came after."""
    async with stage.system() as system:
        clients = await town(system, rooms=1, inhabitants=4)
        await stage.converse(clients)
        before = system.folder / "before"
        stage.remember(before)
        await stage.converse(clients)
        known = saved(clients)
        stage.go_back_to(before)
        async with talking(clients, PACE_S) as conversation:
            await conversation.goes_on(40)
            await wait_until(lambda: saved(clients) > known, 30, "something is saved again")
        return await stage.verdict(system, moved=True)


async def redis_loses_its_tail(stage: Stage) -> list[str]:
    """Redis comes back without what was said last, which nobody had saved."""
    async with stage.system() as system:
        clients = await town(system, rooms=1, inhabitants=4)
        await stage.converse(clients)
        system.writers[0].stop()
        before = system.folder / "before"
        stage.remember(before)
        async with talking(clients, PACE_S) as conversation:
            await conversation.goes_on(40)
            stage.go_back_to(before)
            await conversation.goes_on(40)
        system.writers[0].cont()
        return await stage.verdict(system, moved=True)


async def publications_get_lost(stage: Stage) -> list[str]:
    """Every fifth publication does not reach one of the replicas, and the last one neither."""
    async with (
        proxied(stage.redis.url) as proxy,
        stage.system(replica_settings={0: {"redis_url": proxy.url}}) as system,
    ):
        clients = await town(system, rooms=1, inhabitants=4)
        counted = itertools.count(1)
        proxy.drop_next(1_000_000, lambda _publication: next(counted) % 5 == 0)
        async with talking(clients, PACE_S) as conversation:
            await conversation.goes_on(100)
        proxy.drop_next(0)
        return await stage.verdict(system)


async def last_publication_gets_lost(stage: Stage) -> list[str]:
    """The last message, and that it is saved, do not reach one of the replicas."""
    async with (
        proxied(stage.redis.url) as proxy,
        stage.system(replica_settings={0: {"redis_url": proxy.url}}) as system,
    ):
        alice, bob = await people(system, 2)
        kitchen = await alice.create_room("Kitchen")
        listener, speaker = await alice.open(kitchen, 0), await bob.open(kitchen, 1)
        await listener.sees_all_of(speaker, speaker.say("first"))
        await listener.is_settled()
        proxy.drop_next(1_000_000)
        await speaker.is_saved(speaker.say("last"))
        await asyncio.sleep(0.1)
        proxy.drop_next(0)
        return await stage.verdict(system)
