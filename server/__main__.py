"""The one entry of every process: ``python -m server <service>``, of those in ``SERVICES``.

Settings come from the environment (`.env.example` lists them); ``--host`` and ``--port`` win.
``server/services`` puts each of them together.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from server.runtime.process import Stop
    from server.runtime.settings import Settings

    Service = Callable[[Settings, Stop], Coroutine[Any, Any, None]]

SERVICES: Final = {
    "website": "pages, REST and log-in",
    "chat": "sockets: one replica of the real-time service",
    "writer": "saves what Redis holds into PostgreSQL",
    "all": "website and chat in one process; several may share the port",
    "migrate": "bring the database up to date, then end",
    "dead-letters": "list the records that could not be saved; --replay saves them",
    "admin": "look after accounts and rooms, and read the audit log",
    "health": "exit with 0 when the process on --port is alive: for containers",
}


def main(argv: list[str] | None = None) -> int:
    """Run what the command line asks for; return the exit code."""
    options = _parser().parse_args(argv)
    # Imported where they are run: a probe costs no web server, a writer no website.
    if options.service == "health":
        from server.services.health import health

        return health(options.host, options.port)
    if options.service == "admin":
        from server.website import command

        return command.run(options)
    from server.runtime import process

    port = options.port
    if options.service == "writer" and port is None:
        # Nobody visits a writer but its operator, and it may share a machine with a website.
        port = 0
    try:
        settings = process.read_settings(host=options.host, port=port)
        if options.service in {"website", "chat", "all"}:
            _need_secret(settings)
    except process.SettingsError as error:
        return process.complain(error, process.BAD_SETTINGS)
    return process.run(options.service, settings, _service(options))


def _service(options: argparse.Namespace) -> Service:
    name = options.service
    if name == "writer":
        from server.services.writer import run_writer

        return run_writer
    if name in {"migrate", "dead-letters"}:
        from server.services import upkeep

        if name == "migrate":
            return upkeep.run_migrate
        return upkeep.run_replay if options.replay else upkeep.run_dead_letters
    from server.services import web

    return {"website": web.run_website, "chat": web.run_chat, "all": web.run_all}[name]


def _need_secret(settings: Settings) -> None:
    from server.runtime.process import SettingsError

    try:
        _ = settings.secret
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server",
        description="One process of Beseda.",
        epilog="Everything else is set in the environment: see .env.example.",
    )
    services = parser.add_subparsers(dest="service", required=True, metavar="service")
    for name, words in SERVICES.items():
        each = services.add_parser(name, help=words, description=words.capitalize() + ".")
        if name == "admin":
            from server.website.verbs import add_verbs

            add_verbs(each)
            continue
        if name in {"migrate", "dead-letters"}:
            each.set_defaults(host=None, port=None)
            if name == "dead-letters":
                each.add_argument("--replay", action="store_true", help="save what can be saved")
            continue
        default = "a free one" if name == "writer" else "PORT, 8080"
        each.add_argument("--host", help="address to listen on (HOST, 127.0.0.1)")
        each.add_argument("--port", type=int, help=f"port to listen on ({default})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
