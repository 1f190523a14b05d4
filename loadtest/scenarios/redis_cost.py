"""What a message costs Redis, beside the writes that it cannot do without, in the same run."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from loadtest.errors import CannotRunError
from loadtest.options import Question, Stand
from loadtest.outcome import Figure, Round
from loadtest.redis_cost import NotPostedError, open_bench
from loadtest.report.summary import TIMES
from server.local.valkey import Valkey

CASES: Final = ("valkey", "valkey-aof", "redis", "redis-aof")
_BINARY: Final = "redis-server"


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    kind, _, durable = stand.case.partition("-")
    binary = shutil.which(_BINARY) if kind == "redis" else None
    if kind == "redis" and binary is None:
        stand.progress.say(f"no {_BINARY} is installed here, so {stand.case} is left out")
        return
    options = {"appendonly": "yes" if durable else "no", "auto-aof-rewrite-percentage": "0"}
    server = Valkey(stand.folder, binary=Path(binary) if binary else None, options=options)
    stand.progress.now(f"redis-cost, {stand.case}: starting the server")
    server.start()
    try:
        async with open_bench(server.url, server.pid) as bench:
            for number in range(stand.options.rounds):
                ways = list(bench.ways)[:: -1 if number % 2 else 1]
                began, costs = time.monotonic(), dict.fromkeys(bench.ways, 0.0)
                for way in ways:
                    if stand.stop.is_set():
                        return
                    stand.progress.now(f"redis-cost, {stand.case}: {way}")
                    costs[way] = await bench.cost(way, stand.options.messages, stand.options.size)
                figures = {f"redis_cpu_us.{way}": Figure(cost, "us") for way, cost in costs.items()}
                for way in ways:
                    if way != "bare" and costs["bare"]:
                        figures[f"ratio.{way}"] = Figure(costs[way] / costs["bare"], TIMES)
                kept = await bench.bytes_per_cid(stand.options.messages)
                figures["memory per cid"] = Figure(kept, "B")
                yield Round(seconds=time.monotonic() - began, figures=figures)
    except NotPostedError as problem:
        raise CannotRunError(f"redis-cost could not post: {problem}") from problem
    finally:
        server.stop()


QUESTION = Question(
    name="redis-cost",
    says="CPU of Redis for a message, and how many times that of the writes alone",
    defaults={"messages": 20_000, "rounds": 3},
    short={},
    measure=measure,
    alone=True,
    cases=CASES,
)
