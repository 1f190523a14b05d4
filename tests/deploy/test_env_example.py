from __future__ import annotations

import re

import pytest
from pydantic import SecretStr

from server.runtime.settings import Settings
from tests.deploy.compose import ROOT, read_env

EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
LINES = dict(re.findall(r"^# ([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))
SET = read_env(EXAMPLE)


def plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


@pytest.mark.complaint(15)
def test_every_setting_stands_there_once_with_its_default() -> None:
    assert not LINES.keys() & SET.keys()
    for name, field in Settings.model_fields.items():
        shown = LINES.get(name.upper())
        if name == "web_root":
            assert shown == "web"
        elif name == "files_dir":
            assert shown == ".data/files"
        elif shown is None:
            assert name.upper() in SET
        else:
            assert shown == plain(field.default), name


def test_what_is_set_is_a_default_a_gap_to_fill_or_the_address_to_type() -> None:
    for name, value in SET.items():
        field = Settings.model_fields.get(name.lower())
        if value and name != "PUBLIC_URL":
            assert field is not None
            assert value == plain(field.default)


def test_every_description_is_that_of_the_setting() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description is not None
        if name.upper() in LINES:
            before = EXAMPLE.partition(f"# {name.upper()}=")[0].splitlines()[-1]
            assert before.startswith(f"# {field.description}"), name


def test_nothing_stands_there_that_nobody_reads() -> None:
    read = {name.upper() for name in Settings.model_fields}
    read |= set(re.findall(r"\$\{([A-Z0-9_]+)", COMPOSE))
    assert (LINES.keys() | SET.keys()) <= read


def test_every_variable_of_the_compose_file_stands_there() -> None:
    assert set(re.findall(r"\$\{([A-Z0-9_]+)", COMPOSE)) <= (LINES.keys() | SET.keys())


def test_no_secret_has_a_value() -> None:
    for name, field in Settings.model_fields.items():
        if field.annotation is SecretStr and name != "redis_url":
            assert SET[name.upper()] == ""
