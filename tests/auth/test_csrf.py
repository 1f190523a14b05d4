from __future__ import annotations

import pytest

from server.auth import csrf

KEY = b"k" * 32


def test_a_token_is_good_for_its_own_session_only() -> None:
    token = csrf.issue(KEY, "alice-session")
    assert csrf.is_valid(KEY, "alice-session", token)
    assert not csrf.is_valid(KEY, "mallory-session", token)
    assert not csrf.is_valid(b"j" * 32, "alice-session", token)


def test_no_two_pages_carry_the_same_token() -> None:
    assert csrf.issue(KEY, "s") != csrf.issue(KEY, "s")


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "\n",
        lambda token: "A" + token[1:] if token[0] != "A" else "B" + token[1:],
        lambda token: token.partition(".")[2],
        lambda token: token.replace(".", ""),
        lambda token: "ё" * 66,
        lambda token: "A" * 1_000_000,
    ],
)
def test_a_changed_token_is_refused(change: object) -> None:
    token = csrf.issue(KEY, "s")
    assert not csrf.is_valid(KEY, "s", change(token))  # type: ignore[operator]
