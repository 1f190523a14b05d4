"""The words of ``python -m server admin``, without what they do."""

from __future__ import annotations

import argparse

WHO = "e-mail or id"


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Add what an administrator may say on the command line."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")

    def verb(name: str, words: str, *people: str) -> argparse.ArgumentParser:
        each = verbs.add_parser(name, help=words, description=words.capitalize() + ".")
        for person in people:
            each.add_argument(person, help=WHO if person in {"user", "owner"} else "id of the room")
        return each

    users = verb("users", "list accounts, one JSON object a line")
    users.add_argument("--search", default="", help="part of an e-mail or a name")
    users.add_argument("--state", default="", choices=("active", "disabled", "admins", "deleted"))
    verb("grant", "make somebody an administrator", "user")
    verb("revoke", "make somebody an administrator no longer", "user")
    verb("disable", "end the sessions of an account and let it in no more", "user")
    verb("enable", "let a disabled account in again", "user")
    verb("end-sessions", "log somebody out everywhere", "user")
    reset = verb("reset-password", "print a link that sets a new password, once, for a day", "user")
    reset.add_argument(
        "--temporary", action="store_true", help="print a password instead, and end all sessions"
    )
    gone = verb("delete-user", "delete an account for ever", "user")
    gone.add_argument("--texts", required=True, choices=("keep", "erase"), help="what was said")
    gone.add_argument("--rooms", default="keep", choices=("keep", "delete"), help="own rooms")
    gone.add_argument("--language", default="en", choices=("en", "ru"), help="of the name left")
    gone.add_argument("--yes", action="store_true", required=True, help="cannot be undone")
    verb("export-user", "write all that is kept of a person, as JSON lines", "user")
    rooms = verb("rooms", "list rooms, one JSON object a line")
    rooms.add_argument("--search", default="", help="part of a name")
    rooms.add_argument("--state", default="", choices=("public", "private", "deleted"))
    gone = verb("delete-room", "delete a room for everybody", "room")
    gone.add_argument("--yes", action="store_true", required=True, help="cannot be undone")
    verb("change-owner", "give a room to somebody else", "room", "owner")
    verb("export-room", "write a room's history, as JSON lines", "room")
    audit = verb("audit", "write the audit log, the newest first, as JSON lines")
    audit.add_argument("--who", default="", help="who did it: " + WHO)
    audit.add_argument("--action", default="", help="such as user.disable")
    audit.add_argument("--target", default="", help="on whom: e-mail, or id of an account or room")
    audit.add_argument("--since", default="", help="from this day on, as 2026-01-31")
    audit.add_argument("--until", default="", help="before this day")
