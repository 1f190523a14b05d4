"""The chat day: people who log in, read, type, talk, come and go.

locust -f loadtest/users/locustfile.py --host https://chat.example.org
"""

from __future__ import annotations

from loadtest.users.commuter import Commuter
from loadtest.users.newcomer import Newcomer
from loadtest.users.reader import Reader
from loadtest.users.talker import Talker

__all__ = ["Commuter", "Newcomer", "Reader", "Talker"]
