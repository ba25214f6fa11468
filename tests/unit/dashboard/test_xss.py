"""Texts from outside stay texts: on every page and fragment, in every file that is handed out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboard.backend import Backend
from dashboard.security import COOKIE
from hazard.site.loader import load_site
from hazard.types import Role
from tests.dashboard_walk import readable
from tests.hostile import ATTACKS, fill, site_is_valid
from tests.plant import Plant
from tests.unit.dashboard.conftest import application_of

SCHEMES = ("javascript:", "vbscript:", "data:text")
LOADS = ("src", "href", "action", "formaction", "poster", "srcset", "data", "xlink:href")
ASKS = ("hx-get", "hx-post", "hx-put", "hx-delete", "hx-patch", "hx-ext", "data-src")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("hostile"))
    fill(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def application(plant: Plant) -> Iterator[tuple[FastAPI, Backend]]:
    with application_of(plant) as made:
        yield made


@pytest.fixture(scope="module")
def hostile(application: tuple[FastAPI, Backend]) -> FastAPI:
    return application[0]


@pytest.fixture(scope="module")
def opened(application: tuple[FastAPI, Backend]) -> Backend:
    return application[1]


@pytest.fixture(scope="module")
def administrator(hostile: FastAPI, opened: Backend) -> TestClient:
    now = datetime.now(UTC)
    root = opened.people.accounts.create("Root", Role.ADMINISTRATOR, (), by="test", now=now)
    token = opened.people.logins.open_session(root, now, lifetime=timedelta(hours=1))
    client = TestClient(hostile, headers={"accept": "text/html"}, follow_redirects=False)
    client.cookies.set(COOKIE, token, domain="testserver.local")
    return client


class Suspicious(HTMLParser):
    """Finds what only an attack can have put into a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = f"<{tag} {attrs}>"
        given = {name: value or "" for name, value in attrs}
        if tag in ("iframe", "object", "embed", "base"):
            self.found.append(told)
        if tag == "script" and not given.get("src", "").startswith("/static/"):
            self.found.append(told)
        for name, value in given.items():
            plain = "".join(value.split()).lower()
            bad = (
                name.startswith(("on", "hx-on"))
                or "xss" in name
                or name == "style"
                or (name in LOADS and plain.startswith((*SCHEMES, "//", "http:", "https:")))
                or (name in ASKS and "xss" in plain)
            )
            if bad:
                self.found.append(told)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_plant_is_as_hostile_as_meant(plant: Plant) -> None:
    assert site_is_valid(load_site(plant.site_file))


def test_no_text_from_outside_becomes_an_element_an_attribute_or_a_formula(
    hostile: FastAPI, opened: Backend, administrator: TestClient
) -> None:
    alerts = [each.alert_id for each in opened.queries.list_alerts(limit=100).alerts]
    one = opened.queries.get_alert(alerts[0])
    assert one is not None
    known = {
        "camera_id": "yard-1",
        "evidence_id": one.evidence[0].evidence_id,
        "request_id": one.requests[0].request.request_id,
        "job_id": "j-0",
        "plan_id": "plan-1",
        "version": "1",
        "account_id": opened.people.accounts.all()[0].account_id,
    }
    walked: set[str] = set()
    faults: list[str] = []
    seen_attacks: set[str] = set()
    for alert in alerts:
        for path, _, _ in readable(hostile, known | {"alert_id": alert, "incident_id": alert}):
            if path in walked:
                continue
            walked.add(path)
            answer = administrator.get(path)
            assert answer.status_code < 500, f"{path}: {answer.text[:300]}"
            kind = answer.headers.get("content-type", "").partition(";")[0]
            if kind == "text/html":
                page = Suspicious()
                page.feed(answer.text)
                faults += [f"{path}: {told}" for told in page.found]
                if "49xss" in page.text or "}49" in page.text:
                    faults.append(f"{path}: a template engine has computed an attack")
                seen_attacks |= {each for each in ATTACKS if _shown(each, page.text)}
            elif kind == "text/csv":
                faults += [f"{path}: {cell!r}" for cell in _formulas(answer.text)]
            for name, value in answer.headers.items():
                assert "xss=1" not in f"{name}: {value}" or "%0d" in value, path
    assert not faults, "\n".join(faults[:20])
    assert len(seen_attacks) > len(ATTACKS) * 0.8, "the attacks are shown as what they are"


def _shown(attack: str, text: str) -> bool:
    """Whether a text stands on a page, whatever was done to its white space."""
    return "".join(attack.split()) in "".join(text.split())


def _formulas(text: str) -> list[str]:
    """Cells that a spreadsheet would compute; numbers are none."""
    cells = (cell for row in csv.reader(io.StringIO(text)) for cell in row)
    return [cell for cell in cells if cell.startswith(FORMULA) and not _is_number(cell)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
