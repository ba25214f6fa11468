"""The JSON Schema that editors use, and the file that `hazard init` writes."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from hazard.errors import ConfigError
from hazard.site.glossary import describe
from hazard.site.loader import check_site, load_site
from hazard.site.models import Site
from hazard.site.schema import DIALECT, SCHEMA_FILE, site_schema
from hazard.site.shape import models
from hazard.site.template import template, write_template
from tests.unit.site.sites import GOOD


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def uncommented(text: str) -> str:
    """The template with its examples in force."""
    lines: list[str] = []
    for line in text.splitlines():
        example = re.match(r"^( +)# ((?:  )*(?:- \{|[a-z][\w-]*:).*)$", line)
        lines.append(example.group(1) + example.group(2) if example else line)
    return "\n".join(lines).replace(": {}\n", ":\n").replace(": []\n", ":\n") + "\n"


def test_the_schema_is_a_schema_of_draft_2020_12() -> None:
    schema = site_schema()
    assert schema["$schema"] == DIALECT
    Draft202012Validator.check_schema(schema)


def test_every_field_has_title_and_description() -> None:
    schema = site_schema()
    for model in models():
        if model.__name__ in ("Secret", "SecretFile"):
            continue
        part = schema if model is Site else schema["$defs"][model.__name__]
        for name, info in model.model_fields.items():
            field = part["properties"][name]
            assert field["title"], (model.__name__, name)
            assert field["description"] == describe(model, name, info) != "", (model, name)


def numbers(part: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every number of a schema, with the path that leads to it."""
    if isinstance(part, list):
        return [each for at, one in enumerate(part) for each in numbers(one, f"{path}/{at}")]
    if not isinstance(part, dict):
        return []
    own = [(path, part)] if part.get("type") in ("number", "integer") else []
    return own + [each for name, one in part.items() for each in numbers(one, f"{path}/{name}")]


def test_every_number_has_an_end() -> None:
    endless = [
        path
        for path, number in numbers(Site.model_json_schema())
        if not number.keys() & {"maximum", "exclusiveMaximum", "const"}
    ]
    assert endless == []


@pytest.mark.parametrize(
    ("section", "most"),
    [
        ("retention: {alerts_days: 1e29}", "36525"),
        ("retention: {evidence_bytes: 100000000000000000000}", "1e+18"),
        ("reasoning: {deadline_s: 1e29}", "600"),
        ("alarms: {realarm_after_min: {high: 1e29}}", "10080"),
    ],
)
def test_a_huge_number_is_refused_with_the_most_that_is_taken(
    tmp_path: Path, section: str, most: str
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(f"{GOOD}\n{section}\n")
    with pytest.raises(ConfigError, match=f"at most {re.escape(most)}"):
        load_site(path)


@pytest.mark.parametrize("text", [GOOD, template(), uncommented(template())])
def test_the_schema_accepts_what_the_loader_accepts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    load_site(path)
    assert list(Draft202012Validator(site_schema()).iter_errors(read(text))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("mqtt", "brokers", "plant", "password"), "hunter2"),
        (("mqtt", "brokers", "plant", "port"), "1883"),
        (("rules", "gas", "hazard"), "toxic_gaz"),
        (("cameras", "gate", "fps"), 10),
        (("policy", "kinds", "crowding", "floor"), "severe"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(path: tuple[str, ...], value: Any) -> None:
    data = copy.deepcopy(read(GOOD))
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    assert list(Draft202012Validator(site_schema()).iter_errors(data))


def test_the_template_is_valid_as_it_is_and_explains_every_section() -> None:
    text = template()
    assert text.startswith(f"# yaml-language-server: $schema={SCHEMA_FILE}\n")
    for section in Site.model_fields:
        assert re.search(rf"^{section}:", text, re.MULTILINE), section


def test_a_written_template_has_no_problem_without_any_secret(tmp_path: Path) -> None:
    path, schema = write_template(tmp_path / "new" / "site.yaml")
    assert check_site(path) == []
    assert json.loads(schema.read_text()) == site_schema()


def test_the_templates_examples_are_right_once_their_secrets_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "CAMERA_USER",
        "CAMERA_PASSWORD",
        "MQTT_PASSWORD",
        "REPLICA_URL",
        "CONTROL_ROOM_URL",
    ):
        monkeypatch.setenv(name, "x")
    path = tmp_path / "site.yaml"
    path.write_text(uncommented(template()))
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "ca.pem").write_text("certificate")
    assert check_site(path) == []
    site = load_site(path)
    assert set(site.cameras) == {"gate"}
    assert set(site.sensors) == {"h2s-1"}
    assert len(site.rules) == 6
    assert site.store.replica_url is not None


def test_an_existing_file_is_replaced_only_when_forced(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="exists: choose another path, or give --force"):
        write_template(tmp_path)
    assert path.read_text() == "mine"
    write_template(path, force=True)
    assert path.read_text() == template()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [SCHEMA_FILE, "site.yaml"]


def test_a_place_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_template(tmp_path / "file" / "site.yaml")
