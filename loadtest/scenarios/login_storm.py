"""Many people log in at once: do those who talk notice?"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator

import aiohttp

from loadtest.accounts import HTTP_S
from loadtest.clock import NS, now_ns
from loadtest.measuring import Figures, gather, listen, title_of, with_memory
from loadtest.options import Question, Stand
from loadtest.outcome import Figure, Round
from loadtest.tally import Tally


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    options = stand.options
    crowd, before = await gather(stand)
    people = await stand.site.people(options.log_ins)
    emails = [people[number % len(people)].email for number in range(options.log_ins)]
    try:
        for number in range(1, options.rounds + 1):
            if stand.stop.is_set():
                return
            title = title_of("login-storm", number, options.rounds)
            quiet = await listen(stand, crowd, f"{title}, before")
            if stand.stop.is_set():
                return

            async def storm(tally: Tally) -> Figures:
                return await _log_in(stand, tally, emails)

            measured = await listen(stand, crowd, title, warm_up=0.0, during=storm)
            if quiet.latency is not None:
                measured.more["before"] = quiet.latency
            yield dataclasses.replace(with_memory(measured, before))
    finally:
        await crowd.leave()


async def _log_in(stand: Stand, tally: Tally, emails: list[str]) -> Figures:
    site = stand.site
    done = 0
    began = now_ns()

    async def log_in(http: aiohttp.ClientSession, email: str) -> None:
        nonlocal done
        form = {"username": email, "password": site.password}
        asked = now_ns()
        try:
            async with http.post(f"{site.address.url}/token", data=form) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            tally.errors[f"log in: {type(error).__name__}"] += 1
            return
        if answer.status != 200:
            tally.errors[f"log in: http_{answer.status}"] += 1
            return
        done += 1
        tally.time("log in", (now_ns() - asked) // 1000)

    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=HTTP_S * 2),
    ) as http:
        await asyncio.gather(*(log_in(http, email) for email in emails))
    seconds = (now_ns() - began) / NS
    return {
        "logged in": Figure(done, ""),
        "log-ins": Figure(done / seconds, "1/s"),
        "all logged in": Figure(seconds, "s"),
    }


QUESTION = Question(
    name="login-storm",
    says="--log-ins people log in at once while others talk: how late are messages meanwhile?",
    defaults={"members": 20, "rooms": 1, "rate": 20.0, "log_ins": 200, "seconds": 5.0, "rounds": 1},
    short={"log_ins": 40, "seconds": 3.0},
    measure=measure,
)
