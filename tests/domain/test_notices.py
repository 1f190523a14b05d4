from __future__ import annotations

from datetime import UTC, datetime

import pytest

from server.domain.errors import Refusal
from server.domain.notices import (
    Level,
    QuietTimes,
    check_endpoint,
    check_zone,
    hours_of,
    mentions,
    minute_of,
    wants,
)


def at(hour: int, minute: int = 0, month: int = 1) -> int:
    return int(datetime(2026, month, 15, hour, minute, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "name", "is_mention"),
    [
        ("@alice", "Alice", True),
        ("tea, @Alice?", "alice", True),
        ("(@ALICE)", "Alice", True),
        ("@Анна-Мария, привет", "анна-мария", True),
        ("@Bob Marley is here", "Bob Marley", True),
        ("alice", "Alice", False),
        ("@alicette", "Alice", False),
        ("bob@alice", "Alice", False),
        ("@a+b", "a.b", False),
        ("@ alice", "Alice", False),
        ("@", "", False),
    ],
)
def test_a_mention_is_a_name_after_its_sign(text: str, name: str, is_mention: bool) -> None:
    assert mentions(text, name) is is_mention
    assert wants(Level.MENTIONS, text, name) is is_mention
    assert wants(Level.ALL, text, name)
    assert not wants(Level.NOTHING, text, name)


def test_quiet_hours_go_over_midnight_in_the_own_zone() -> None:
    quiet = QuietTimes(0, 22 * 60, 7 * 60, "Asia/Tokyo")
    assert quiet.holds(at(13))  # 22:00 there
    assert quiet.holds(at(21, 59))  # 06:59
    assert not quiet.holds(at(22))  # 07:00
    assert not quiet.holds(at(12, 59))


def test_quiet_hours_follow_the_clock_through_summer_time() -> None:
    quiet = QuietTimes(0, 9 * 60, 10 * 60, "Europe/Berlin")
    assert quiet.holds(at(8, 30, month=1))
    assert quiet.holds(at(7, 30, month=7))
    assert not quiet.holds(at(8, 30, month=7))


def test_a_pause_ends_by_itself() -> None:
    assert QuietTimes(paused_until=at(12)).holds(at(11, 59))
    assert not QuietTimes(paused_until=at(12)).holds(at(12))
    assert not QuietTimes(time_zone="Gone/Zone").holds(at(12))


def test_times_and_zones_are_checked() -> None:
    assert hours_of("22:30", "07:00") == (1350, 420)
    assert hours_of("", "") == (None, None)
    assert check_zone("Europe/Moscow") == "Europe/Moscow"
    for wrong in ("24:00", "7:00", "noon", "07:00\n"):
        with pytest.raises(Refusal):
            minute_of(wrong)
    with pytest.raises(Refusal):
        hours_of("22:30", "")
    for wrong in ("Mars/Crater", "../../etc/passwd", "/etc/passwd", "x" * 300, "a\0b", ""):
        with pytest.raises(Refusal):
            check_zone(wrong)


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example.org/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://0x7f.1/a",
        "https://2130706433/a",
        "https://localhost/a",
        "https://redis:6379/a",
        "https://push.example.org:6379/a",
        "https://alice@push.example.org/a",
        "https://push.example.org:port/",
        "ftp://push.example.org/",
        "https:///a",
        "https://push.example.org/" + "a" * 1000,
    ],
)
def test_no_push_service_has_such_an_address(url: str) -> None:
    with pytest.raises(Refusal):
        check_endpoint(url)


def test_the_address_of_a_push_service_stays_as_it_is() -> None:
    url = "https://fcm.example.com/fcm/send/c2Vj:APA91b-x_"
    assert check_endpoint(url) == url
