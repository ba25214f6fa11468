"""The OpenAPI document is what the API does: schemathesis asks everything that it allows, and not.

As an administrator with a token, against the real application on a store that a plant has filled
and that hands like the core's answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from dashboard.access import Permission
from dashboard.backend import Backend
from dashboard.openapi import PROBLEM, document
from hazard.types import Role, Severity
from tests.plant import Heartbeat, Plant
from tests.unit.dashboard.conftest import ClientAs, application_of

EXAMPLES = 10
"""For each operation; the whole stays below a minute."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    plant = Plant(tmp_path_factory.mktemp("plant"))
    first = plant.raise_alert(severity=Severity.CRITICAL)
    plant.add_opinion(first)
    plant.add_words(first)
    plant.add_snapshot(first, b"\xff\xd8 no picture")
    plant.raise_alert(hazard="person_in_restricted_zone", area="yard", severity=Severity.LOW)
    plant.leak(20)
    with Heartbeat(plant) as core:
        yield plant
    assert core.failed is None
    plant.close()


@pytest.fixture(scope="module")
def application(filled: Plant) -> Iterator[tuple[FastAPI, Backend]]:
    with application_of(filled) as made:
        yield made


@pytest.fixture(scope="module")
def whole(application: tuple[FastAPI, Backend]) -> FastAPI:
    return application[0]


@pytest.fixture(scope="module")
def token(application: tuple[FastAPI, Backend]) -> str:
    now = datetime.now(UTC)
    people = application[1].people
    account = people.accounts.create("Root", Role.ADMINISTRATOR, (), by="test", now=now)
    _, text = people.tokens.create(
        account,
        "fuzz",
        [each.value for each in Permission],
        expires_at=now + timedelta(days=1),
        by="test",
        now=now,
    )
    return text


def described(app: FastAPI, mode: GenerationMode) -> Any:
    """The document as schemathesis reads it, of a program's way in."""
    made = document(app)
    for methods in made["paths"].values():
        for operation in methods.values():
            # Beside a good token a bad cookie is nothing. Whether a missing token is refused is
            # asked with data that are right: what else is wrong must not hide it.
            ways = [each for each in operation["security"] if "token" in each]
            operation["security"] = ways if mode is GenerationMode.POSITIVE else []
    schema = schemathesis.openapi.from_dict(made)
    schema.app = app
    return schema


SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_operation_answers_as_it_is_described(
    whole: FastAPI, token: str, mode: GenerationMode
) -> None:
    sender = {"Authorization": f"Bearer {token}"}
    faults = []
    for found in described(whole, mode).get_all_operations():
        operation = found.ok()
        try:
            _ask(operation, mode, sender)
        except Unsatisfiable:
            continue  # nothing about this operation can be wrong
        except (AssertionError, BaseExceptionGroup) as error:
            faults.append(f"{operation.label}: {error}")
    assert not faults, "\n\n".join(faults)


def _ask(operation: Any, mode: GenerationMode, sender: dict[str, str]) -> None:
    """Ask an operation what its description allows, or what it does not."""
    beyond = [positive_data_acceptance] if _has_rules(operation) else []

    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=sender, excluded_checks=beyond)

    SETTINGS(given(case=operation.as_strategy(generation_mode=mode))(ask))()


def _has_rules(operation: Any) -> bool:
    """Whether a rule of the plant may refuse what the schema allows, and the document says so."""
    wrong = operation.definition.raw["responses"].get("422", {})
    said = wrong.get("content", {}).get("application/json", {}).get("schema", {})
    return operation.method != "get" or said == PROBLEM


def test_every_operation_says_who_may_call_it_and_how_it_refuses(whole: FastAPI) -> None:
    made = document(whole)
    assert made["openapi"].startswith("3.1")
    assert set(made["components"]["securitySchemes"]) == {"session", "token"}
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            told = f"{method} {path}"
            assert operation["x-permission"] in set(Permission), told
            assert {"401", "403", "503"} <= set(operation["responses"]), told
            assert operation.get("summary"), told
            assert operation.get("tags"), told
            for parameter in operation.get("parameters", ()):
                if parameter["in"] != "path":
                    known = made["components"]["schemas"]
                    endless = f"{told}: {parameter['name']} is endless"
                    assert _bounded(parameter["schema"], known), endless


def _bounded(of: dict[str, Any], schemas: dict[str, Any]) -> bool:
    several = of.get("anyOf") or of.get("oneOf")
    if several:
        return all(_bounded(each, schemas) for each in several)
    if "$ref" in of:
        return _bounded(schemas[of["$ref"].rpartition("/")[2]], schemas)
    if of.get("type") == "array":
        return "maxItems" in of and _bounded(of["items"], schemas)
    if of.get("type") != "string":
        return True
    return bool({"maxLength", "enum", "const", "format", "pattern"} & set(of))


def test_people_read_the_reference_and_programs_the_document(
    client_as: ClientAs, stranger: TestClient
) -> None:
    client = client_as(Role.VIEWER)
    page = client.get("/api").text
    made = client.get("/openapi.json").json()
    for path in made["paths"]:
        assert path in page
    assert stranger.get("/openapi.json").status_code in (303, 401)
