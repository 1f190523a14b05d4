"""``docs/asyncapi.yaml`` says of the socket what ``docs/protocol.md`` and the server say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from server.domain import commands
from tests.docs.test_protocol import CLIENT, SERVER

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text()
)
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]


def problems(name: str, frame: dict[str, Any]) -> list[str]:
    schema = {**MESSAGES[name]["payload"], "components": DOCUMENT["components"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(frame)]


def resolve(ref: str) -> Any:
    found: Any = DOCUMENT
    for part in ref.removeprefix("#/").split("/"):
        found = found[part]
    return resolve(found["$ref"]) if isinstance(found, dict) and set(found) == {"$ref"} else found


def refs(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(refs(each) for each in node.values()))
    if isinstance(node, list):
        return set[str]().union(*(refs(each) for each in node))
    return set()


def test_the_document_is_asyncapi_whose_references_lead_somewhere() -> None:
    assert DOCUMENT["asyncapi"].startswith("3.")
    for ref in refs(DOCUMENT):
        assert resolve(ref), ref
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    said = {ref.rpartition("/")[2] for ref in refs(DOCUMENT["operations"]) if "messages" in ref}
    assert said == set(MESSAGES) == set(DOCUMENT["channels"]["socket"]["messages"])


def test_every_op_has_the_fields_that_the_server_takes() -> None:
    found = {
        name: frozenset(MESSAGES[name]["payload"]["properties"])
        for name, operation in DOCUMENT["operations"].items()
        if operation["action"] == "send"
    }
    assert found == commands._FIELDS


@pytest.mark.parametrize("name", CLIENT)
def test_every_example_of_an_op_is_one(name: str) -> None:
    frame = CLIENT[name]
    assert problems(frame["op"], frame) == []
    assert problems(frame["op"], frame | {"other": 1})
    for field in frame:
        if field in {"epoch", "seq", "before", "after", "limit", "reply"}:
            continue
        assert problems(frame["op"], {key: frame[key] for key in frame if key != field}), field


@pytest.mark.parametrize("name", SERVER)
def test_every_example_of_the_server_is_one(name: str) -> None:
    frame = SERVER[name]
    if "ev" in frame:
        assert problems(f"event_{frame['ev']}", frame) == []
        assert problems(f"event_{frame['ev']}", frame | {"other": 1})
        return
    if "err" in frame:
        assert problems("answerRefused", frame) == []
        return
    op = CLIENT[name.removesuffix("-ok")]["op"]
    replies = DOCUMENT["operations"][op]["reply"]["messages"]
    fitting = [each for each in replies if not problems(each["$ref"].rpartition("/")[2], frame)]
    assert len(fitting) == 1, name


def test_every_event_of_the_protocol_is_described() -> None:
    documented = {frame["ev"] for frame in SERVER.values() if "ev" in frame}
    assert {f"event_{ev}" for ev in documented} == {
        name for name in MESSAGES if name.startswith("event_")
    }
