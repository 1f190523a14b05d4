"""Ties this process of Locust's to its records and its town; every locustfile imports it.

A local or master process makes the town before the first user, tells each second what goes on
where ``--tell`` asks for it, and writes the round at the end. Workers send it their records.
"""

from __future__ import annotations

import logging
import random
import sys
from pathlib import Path
from typing import Any, Final

import gevent
import orjson
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner
from pydantic import TypeAdapter

from loadtest.outcome import Round
from loadtest.users.records import Records
from loadtest.users.town import TOWN, TownError

logger = logging.getLogger(__name__)

RECORDS: Final = Records()
"""What this process measured."""

TELLS: Final = "loadtest: "
"""Begins a line of JSON for ``run``, among all that Locust prints."""

_HERE: Final[list[Environment]] = []
"""The one environment of this process: not every event names it."""

_REPORT: Final = "beseda"
_ASK: Final = "town?"
_ANSWER: Final = "town"


def _arguments(parser: LocustArgumentParser) -> None:
    parser.add_argument("--accounts", type=int, default=25, help="accounts that users share (25)")
    parser.add_argument("--rooms", type=int, default=5, help="rooms they talk in (5)")
    parser.add_argument("--pace", type=float, default=1.0, help="how hurried people are (1.0)")
    parser.add_argument("--rate", type=float, default=1.0, help="messages/s of a big room (1.0)")
    parser.add_argument("--seed", type=int, default=1, help="what people's choices come from (1)")
    parser.add_argument(
        "--account-prefix", default="", help="use PREFIX-0@example.org and so on; else new ones"
    )
    parser.add_argument(
        "--account-password",
        default="",
        env_var="LOADTEST_PASSWORD",
        is_secret=True,
        help="the password of all accounts; else a new one",
    )
    parser.add_argument(
        "--registered", action="store_true", help="the accounts exist: register none"
    )
    parser.add_argument("--warm-up", type=float, default=0.0, help="seconds that do not count (0)")
    parser.add_argument(
        "--measure-for", type=float, default=0.0, help="stop so many seconds after that (never)"
    )
    parser.add_argument("--round-file", default="", help="write what was measured here, as JSON")
    parser.add_argument("--tell", action="store_true", help="tell each second what goes on")


def _begin(environment: Environment, **_: Any) -> None:
    _HERE.append(environment)
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        runner.register_message(_ANSWER, lambda msg, **_: TOWN.fill(msg.data))
    elif isinstance(runner, MasterRunner):
        runner.register_message(
            _ASK,
            lambda msg, **_: runner.send_message(_ANSWER, TOWN.told(), msg.node_id),
        )


def _start(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    assert options is not None
    runner = environment.runner
    random.seed(options.seed + getattr(runner, "worker_index", 0))
    if isinstance(runner, WorkerRunner):
        runner.send_message(_ASK)
        return
    try:
        TOWN.make(
            (environment.host or "").rstrip("/"),
            accounts=options.accounts,
            rooms=options.rooms,
            prefix=options.account_prefix,
            password=options.account_password,
            registered=options.registered,
        )
    except TownError as problem:
        logger.error("the load test cannot begin: %s", problem)  # noqa: TRY400  one sentence
        environment.process_exit_code = 3
        if runner is not None:
            gevent.spawn(runner.quit)
        return
    if options.tell:
        gevent.spawn(_tell, environment)


def _all_here(**_: Any) -> None:
    environment = _HERE[0]
    options = environment.parsed_options
    gevent.spawn_later(options.warm_up if options is not None else 0.0, _measure, environment)


def _measure(environment: Environment) -> None:
    """Begin to measure: what came while people came in is forgotten, by Locust too."""
    RECORDS.reset()
    options = environment.parsed_options
    assert options is not None
    if options.warm_up:
        environment.stats.reset_all()
    _say(event="begin")
    if options.measure_for and not isinstance(environment.runner, WorkerRunner):
        gevent.spawn_later(options.measure_for, _finish, environment)


def _finish(environment: Environment) -> None:
    """End the test; a master that is stopped first waits for what its workers have to tell."""
    assert environment.runner is not None
    environment.runner.stop()
    environment.runner.quit()
    if environment.web_ui is not None:
        environment.web_ui.stop()


def _stopping(**_: Any) -> None:
    RECORDS.end()
    _say(event="end")


def _request(name: str, response_time: float, exception: BaseException | None, **_: Any) -> None:
    if exception is None:
        RECORDS.took(name, response_time)
    else:
        RECORDS.failed(name, str(exception) or type(exception).__name__)


def _report(data: dict[str, Any], **_: Any) -> None:
    data[_REPORT] = RECORDS.drain()


def _reported(data: dict[str, Any], **_: Any) -> None:
    RECORDS.absorb(data[_REPORT])


def _write(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    if (
        options is not None
        and options.round_file
        and not isinstance(environment.runner, WorkerRunner)
    ):
        measured = TypeAdapter(Round).dump_json(RECORDS.round(), by_alias=True)
        Path(options.round_file).write_bytes(measured)


def _tell(environment: Environment) -> None:
    while (runner := environment.runner) is not None and runner.state not in {"stopped", "cleanup"}:
        gevent.sleep(1)
        point = RECORDS.newest()
        failed = RECORDS.errors.total()
        _say(
            event="second",
            text=f"{runner.user_count} users  {point.count} fan-outs/s  "
            f"p50 {point.p50:.1f} ms  p99 {point.p99:.1f} ms  max {point.max:.1f} ms  "
            f"{failed} failed",
        )


def _say(**what: Any) -> None:
    if "--tell" in sys.argv:
        sys.stdout.write(f"{TELLS}{orjson.dumps(what).decode()}\n")
        sys.stdout.flush()


events.init_command_line_parser.add_listener(_arguments)
events.init.add_listener(_begin)
events.test_start.add_listener(_start)
events.spawning_complete.add_listener(_all_here)
events.test_stopping.add_listener(_stopping)
events.request.add_listener(_request)
events.report_to_master.add_listener(_report)
events.worker_report.add_listener(_reported)
events.quitting.add_listener(_write)
