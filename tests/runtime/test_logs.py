from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from server.runtime import logs
from server.runtime.settings import Settings

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
SESSION = "q3Vd9X0_zTtP-1aBcDeFgHiJkLmNoPqRsTuVwXyZ012"


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    logging.captureWarnings(capture=False)


class Written:
    def __init__(self, **settings: Any) -> None:
        self.stream = io.StringIO()
        given: dict[str, Any] = {"jwt_secret_key": "alice-has-a-key-of-32-bytes-or-more"}
        logs.configure(Settings(**(given | settings)), "chat", self.stream)
        self.log = logging.getLogger("tests.logs")

    def fail(self, why: str) -> None:
        self.log.error("failed", exc_info=ValueError(why))

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.text.splitlines()[-1])
        return found


def test_a_record_is_one_json_object_with_time_level_service_message_and_extras() -> None:
    written = Written()
    written.log.info("a room was evicted", extra={"room": "kitchen", "idle_s": 30})
    record = written.record
    assert record["message"] == "a room was evicted"
    assert (record["level"], record["service"]) == ("info", "chat")
    assert (record["room"], record["idle_s"]) == ("kitchen", 30)
    assert record["at"].endswith("Z")


def test_ids_bound_once_stand_in_every_record_of_the_block() -> None:
    written = Written()
    with logs.bound(request="r1", user="alice"):
        with logs.bound(room="kitchen"):
            written.log.info("inside")
        assert {"request": "r1", "user": "alice", "room": "kitchen"}.items() <= (
            written.record.items()
        )
    written.log.info("outside")
    assert "user" not in written.record


@pytest.mark.parametrize("layout", ["json", "text"])
def test_a_name_with_line_breaks_cannot_forge_a_record(layout: str) -> None:
    written = Written(log_format=layout)
    name = 'mallory\r\n{"message":"forged"}\u2028x\u2029y\x85z\x1b[31m\x00'
    written.log.info("renamed %s", name, extra={"name_now": name})
    assert len(written.text.splitlines()) == 1
    assert "\x1b" not in written.text


def test_a_traceback_in_text_form_is_indented_so_that_it_cannot_pass_for_a_record() -> None:
    written = Written(log_format="text")
    written.fail("boom\n12:00:00.000 info    chat    forged")
    first, *rest = written.text.splitlines()
    assert "failed" in first
    assert rest
    assert all(line.startswith("    | ") for line in rest)


def test_a_traceback_in_json_stays_one_line() -> None:
    written = Written()
    written.fail("boom")
    assert len(written.text.splitlines()) == 1
    assert "ValueError: boom" in written.record["traceback"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {JWT}", JWT),
        (f"token {JWT} refused", JWT),
        (f"cookie: session={SESSION}; theme=dark", SESSION),
        (f"__Host-session={SESSION}", SESSION),
        (f"found {SESSION} twice", SESSION),
        ("cannot reach postgresql://beseda:hunter2hunter2@db:5432/beseda", "hunter2hunter2"),
        ("cannot reach redis://:p%40ss@redis:6379/0", "p%40ss"),
        ("username=alice@example.org&password=correct+horse", "correct+horse"),
        ("Key (email)=(alice@example.org) already exists.", "alice@example.org"),
        ('{"password": "correct horse battery"}', "correct"),
        ("csrf_token=abcdef012345", "abcdef012345"),
    ],
)
@pytest.mark.parametrize("layout", ["json", "text"])
def test_secrets_are_hidden_in_messages_extras_and_tracebacks(
    layout: str, text: str, secret: str
) -> None:
    written = Written(log_format=layout)
    written.log.info(text)
    written.log.info("said", extra={"said": text, "nested": {"a": [text]}})
    written.fail(text)
    assert secret not in written.text
    assert written.text.count(logs.HIDDEN) >= 4


@pytest.mark.parametrize("field", ["password", "access_token", "Cookie", "email", "dsn", "text"])
def test_fields_named_like_a_secret_are_hidden_whatever_they_hold(field: str) -> None:
    written = Written()
    written.log.info("oops", extra={field: "plain words", "nested": {field: 42}})
    assert written.record[field] == logs.HIDDEN
    assert written.record["nested"][field] == logs.HIDDEN


def test_configured_secrets_are_hidden_wherever_they_stand() -> None:
    written = Written(postgres_password="not-like-anything", jwt_secret_key="k" * 40)
    written.log.info("x%sy and %s", "k" * 40, "not-like-anything")
    assert "not-like-anything" not in written.text
    assert "kkkk" not in written.text


@pytest.mark.parametrize(
    "text",
    [
        "room 01980f7e-6cde-7abc-8def-0123456789ab was hydrated",
        "listening on http://127.0.0.1:8080",
        "session ended after 30 days, token expired",
        "beseda_writer_saved_total 12",
    ],
)
def test_ordinary_words_and_ids_stay_readable(text: str) -> None:
    written = Written()
    written.log.info(text)
    assert written.record["message"] == text


def test_a_lone_surrogate_does_not_cost_the_record() -> None:
    written = Written()
    written.log.info("name %s", "\ud800")
    assert written.record["message"] == "name \\ud800"


def test_a_long_field_is_cut() -> None:
    written = Written()
    written.log.info("x" * 100_000)
    assert len(written.text) < 3_000


def test_lifecycle_lines_are_written_at_every_level() -> None:
    written = Written(log_level="error")
    written.log.warning("not this")
    logs.lifecycle.info("ready", extra={"port": 8080})
    assert written.record["message"] == "ready"
    assert "not this" not in written.text


def test_standard_output_is_where_records_go() -> None:
    logs.configure(Settings(), "chat")
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stdout
