"""The MQTT contract's document is the program's, and valid AsyncAPI 3.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from ruamel.yaml import YAML

from edge_agent.publish import asyncapi, contract
from tests.document import blocks

OFFICIAL = Path(__file__).parents[1] / "data" / "asyncapi" / "3.0.0.json"


@pytest.fixture(scope="module")
def published(repo_root: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(repo_root / "docs" / "mqtt.asyncapi.yaml")
    return loaded


def test_the_document_is_what_the_program_makes(repo_root: Path) -> None:
    written = (repo_root / "docs" / "mqtt.asyncapi.yaml").read_text(encoding="utf-8")
    assert written == asyncapi.text(), (
        "python -m edge_agent.publish.asyncapi docs/mqtt.asyncapi.yaml"
    )


def test_the_document_is_valid_by_the_official_schema(published: dict[str, Any]) -> None:
    validator = Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")))
    assert [error.message for error in validator.iter_errors(published)] == []
    broken = published | {"operations": {"x": {"action": "shout"}}}
    assert not validator.is_valid(broken)


def test_each_reference_leads_somewhere(published: dict[str, Any], repo_root: Path) -> None:
    found = list(references(published))
    assert len(found) > 20
    for reference in found:
        if reference.startswith("#/"):
            place: Any = published
            for step in reference[2:].split("/"):
                place = place[step]
        else:
            schema = json.loads((repo_root / "docs" / reference).read_text(encoding="utf-8"))
            Draft202012Validator.check_schema(schema)


def references(node: Any) -> Any:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def test_each_channel_of_the_document_stands_in_the_guide(
    published: dict[str, Any], repo_root: Path
) -> None:
    guide = (repo_root / "docs" / "mqtt.md").read_text(encoding="utf-8")
    for channel in published["channels"].values():
        assert f"`{channel['address']}`" in guide


def test_the_payloads_of_the_guide_are_valid_and_complete(repo_root: Path) -> None:
    payloads = blocks(repo_root / "docs" / "mqtt.md", "payload")
    assert set(payloads) == set(contract.MESSAGES)
    for name, text in payloads.items():
        schema = json.loads((repo_root / "docs" / "schemas" / f"{name}.json").read_text())
        payload = json.loads(text)
        Draft202012Validator(schema).validate(payload)
        model = contract.MESSAGES[name].model_validate(payload)
        assert model.model_dump(mode="json").keys() == payload.keys()
