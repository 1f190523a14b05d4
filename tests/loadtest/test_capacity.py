"""The capacity formula against sums that were done by hand."""

from __future__ import annotations

import dataclasses

import pytest

from loadtest.__main__ import main
from loadtest.capacity import Demand, TooMuchError, need
from loadtest.constants import CONSTANTS, Constant, Constants, listed
from loadtest.scenarios import QUESTIONS
from server.runtime.settings import Settings

WRONG_USE = 2
TOO_MUCH = 3


def round_costs() -> Constants:
    """Costs with which one can reckon in one's head."""
    values = {
        "message_us": 100,
        "hear_us": 20,
        "delivery_us": 10,
        "enter_us": 1000,
        "idle_ms": 0,
        "log_in_ms": 500,
        "connection_bytes": 10_000,
        "room_server_bytes": 1000,
        "replica_bytes": 50_000_000,
        "redis_message_us": 50,
        "redis_hear_us": 10,
        "room_bytes": 500,
        "member_bytes": 50,
        "log_entry_bytes": 300,
        "cid_bytes": 200,
        "drain_bytes": 400,
        "row_bytes": 500,
        "writer_us": 100,
        "postgres_us": 40,
        "frame_bytes": 200,
        "sockets": 20_000,
        "log_events": 500,
        "seen_s": 900,
        "drain_limit": 3_200_000,
    }
    return Constants(
        **{name: dataclasses.replace(old, value=values[name]) for name, old in listed()}
    )


DEMAND = Demand(users=3000, messages=1000, room_size=50, rooms=1000, room_members=10, days=1)


def test_replicas_are_enough_at_half_of_their_cores_when_one_is_away() -> None:
    found = need(DEMAND, round_costs())
    # A message takes 100 us, and 50 deliveries of 10 us: 1000 a second keep 0.6 of a core busy,
    # of which one replica may use 0.5. A second one hears it for 20 us more, 0.62 of 1.0. And a
    # spare: with three replicas each message is heard by two more than the first.
    assert found.replicas == 3
    assert found.replica_cores == pytest.approx(0.64)
    assert found.deliveries == 50_000
    # A third of the people on each, who have a room each: 50 + 10 + 1 million bytes.
    assert found.replica_bytes == pytest.approx(61_000_000)
    # A thousand come back, to two replicas: half a second of CPU for each.
    assert found.storm_s == pytest.approx(0.5)


def test_connections_alone_may_ask_for_replicas() -> None:
    silent = dataclasses.replace(DEMAND, users=50_000, messages=0.001)
    assert need(silent, round_costs()).replicas == 4, "three of 20 000, and a spare"


def test_a_log_in_keeps_a_core_busy_for_half_a_second() -> None:
    few = dataclasses.replace(DEMAND, messages=0.001, log_ins=3)
    found = need(few, round_costs())
    assert found.replica_cores == pytest.approx(1.5, abs=0.01)
    assert found.replicas == 5, "1.5 and a little: four half ones, and a spare"


def test_redis_holds_rooms_logs_cids_and_what_waits() -> None:
    found = need(DEMAND, round_costs())
    assert found.redis_bytes == {
        "rooms and their members": 1000 * (500 + 10 * 50),
        "newest messages of rooms": 1000 * 500 * 300,
        "cids, against doubles": 1000 * 900 * 200,
        "waiting while PostgreSQL is away": 600_000 * 400,
    }
    # 50 us, and 10 for each of two more replicas that hear it.
    assert found.redis_cores == pytest.approx(0.07)
    assert found.redis_masters == 1
    loud = need(dataclasses.replace(DEMAND, messages=10_000), round_costs())
    assert loud.redis_masters > 1


def test_no_more_than_the_drains_hold_waits_in_redis() -> None:
    long = dataclasses.replace(DEMAND, outage_minutes=80)  # 4.8 million messages
    found = need(long, round_costs())
    assert found.redis_bytes["waiting while PostgreSQL is away"] == 3_200_000 * 400
    assert found.drain_share == pytest.approx(1.5)


def test_a_log_holds_no_more_than_was_ever_said() -> None:
    young = dataclasses.replace(DEMAND, messages=1, hours=1)
    found = need(young, round_costs())
    assert found.redis_bytes["newest messages of rooms"] == 3600 * 300


def test_what_is_saved_and_sent_follows_from_the_messages() -> None:
    found = need(dataclasses.replace(DEMAND, text_bytes=228), round_costs())
    assert found.rows_a_day == 1000 * 8 * 3600
    assert found.bytes_a_day == found.rows_a_day * 600, "texts are 100 bytes longer than measured"
    assert found.out_bytes == 50_000 * 428
    assert found.writers == 1
    assert found.writer_cores == pytest.approx(0.1)
    assert found.postgres_cores == pytest.approx(0.04)


def test_more_than_a_thousand_replicas_are_no_plan() -> None:
    with pytest.raises(TooMuchError, match="beyond what was measured"):
        need(dataclasses.replace(DEMAND, messages=10**7), round_costs())


def test_every_cost_names_what_repeats_it() -> None:
    for name, each in listed():
        assert isinstance(each, Constant)
        assert each.value > 0, name
        commands = [command for command in each.command.split(", ") if command]
        assert all(command.split()[0] in QUESTIONS for command in commands), each.command


def test_settings_among_the_costs_are_as_shipped() -> None:
    shipped = {name: field.default for name, field in Settings.model_fields.items()}
    costs = CONSTANTS
    assert costs.sockets.value == shipped["sockets"]
    assert costs.log_events.value == shipped["log_events"]
    assert costs.drain_limit.value == shipped["drain_limit"] * shipped["partitions"]


def test_the_command_prints_a_plan(capfd: pytest.CaptureFixture[str]) -> None:
    asked = ["--users", "5000", "--messages-per-second", "100", "--room-size", "20"]
    assert main(["capacity", *asked]) == 0
    told = capfd.readouterr().out
    assert "2 000 a second" in told
    assert "one of them spare" in told
    assert "2 880 000 rows" in told
    assert "storage_backlog" not in told
    assert main(["capacity", *asked, "--outage-minutes", "1000", "--explain"]) == 0
    told = capfd.readouterr().out
    assert "storage_backlog" in told, "6 million messages do not fit"
    assert "scale --axis members" in told


@pytest.mark.parametrize(
    "wrong",
    [
        ["--users", "100"],
        ["--users", "0", "--messages-per-second", "1", "--room-size", "1"],
        ["--users", "10", "--messages-per-second", "1", "--room-size", "11"],
    ],
)
def test_a_plan_for_nobody_is_wrong_use(
    wrong: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["capacity", *wrong])
    assert ended.value.code == WRONG_USE
    assert "scripts/loadtest capacity: error: " in capfd.readouterr().err


def test_too_much_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    much = ["--users", "100000000", "--messages-per-second", "1", "--room-size", "2"]
    assert main(["capacity", *much]) == TOO_MUCH
    assert capfd.readouterr().err == (
        "beseda: more than 1000 replicas: this is beyond what was measured\n"
    )
