from __future__ import annotations

import pytest

from server.auth import reset
from server.runtime.logs import HIDDEN, Redactor

SECRET = b"k" * 32
NOW = 1_700_000_000_000


def test_a_link_counts_for_one_password_of_one_account_and_a_day() -> None:
    token, ends_at = reset.issue(SECRET, "alice", "hash", NOW)
    claim = reset.read(token)
    assert claim is not None
    assert (claim.user_id, claim.ends_at) == ("alice", ends_at)
    assert reset.is_valid(SECRET, claim, "hash", ends_at - 1)
    assert not reset.is_valid(SECRET, claim, "hash", ends_at)
    assert not reset.is_valid(SECRET, claim, "another hash", NOW)
    assert not reset.is_valid(b"x" * 32, claim, "hash", NOW)
    for wrong in (claim._replace(user_id="bob"), claim._replace(ends_at=ends_at + 1)):
        assert not reset.is_valid(SECRET, wrong, "hash", NOW)


@pytest.mark.parametrize("token", ["", "alice", "alice.1.Reset1-x", "a.b.c", "ж.1.x"])
def test_what_is_no_token_is_nothing(token: str) -> None:
    assert reset.read(token) is None


def test_a_link_in_a_log_is_hidden() -> None:
    token, _ = reset.issue(SECRET, "alice", "hash", NOW)
    shown = Redactor()(f"GET /reset/{token} 200")
    assert "Reset1" not in shown
    assert HIDDEN in shown
