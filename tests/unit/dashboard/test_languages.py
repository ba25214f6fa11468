"""The pages speak the reader's language and wear the colours that they chose."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboard.i18n import LANGUAGES
from dashboard.security import COOKIE
from hazard.types import Role, Severity
from tests.plant import Plant
from tests.unit.dashboard.conftest import HOST, ClientAs, csrf_of

SILENT = {
    "en": ("AGENT SILENT", "critical"),
    "fr": ("AGENT MUET", "critique"),
    "de": ("AGENT STUMM", "kritisch"),
    "es": ("AGENTE EN SILENCIO", "crítica"),
    "it": ("AGENTE MUTO", "critica"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reader_chooses_a_language_and_keeps_it(
    officer: TestClient, plant: Plant, language: str
) -> None:
    plant.raise_alert(severity=Severity.CRITICAL)
    csrf = csrf_of(officer.get("/").text)
    form = {"csrf": csrf, "language": language, "next": "/health?x=1"}
    answer = officer.post("/preferences", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/health?x=1")
    for path in ("/", "/health"):
        page = officer.get(path, headers={"accept-language": "pt"}).text
        assert f'<html lang="{language}"' in page
        for words in SILENT[language]:
            assert words in page


def test_a_stranger_reads_the_login_page_in_their_language(stranger: TestClient) -> None:
    assert '<html lang="de"' in stranger.get("/setup", headers={"accept-language": "de-AT"}).text
    assert '<html lang="it"' in stranger.get("/setup?lang=it").text
    assert '<html lang="it"' in stranger.get("/setup").text, "the choice is kept"


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_light_or_dark_is_kept(officer: TestClient, theme: str) -> None:
    csrf = csrf_of(officer.get("/").text)
    officer.post("/preferences", data={"csrf": csrf, "theme": theme, "next": "/"})
    page = officer.get("/").text
    assert f'data-theme="{theme}"' in page
    pressed = re.findall(r'name="theme" value="(\w+)" aria-pressed="true"', page)
    assert pressed == [theme]


def test_language_and_colours_follow_the_person_to_another_browser(
    officer: TestClient, client_as: ClientAs, app: FastAPI
) -> None:
    csrf = csrf_of(officer.get("/").text)
    for choice in ({"language": "it"}, {"theme": "dark"}):
        officer.post("/preferences", data={"csrf": csrf, **choice})
    elsewhere = TestClient(app, headers={"accept": "text/html", "accept-language": "fr"})
    elsewhere.cookies.set(COOKIE, officer.cookies[COOKIE], domain=HOST)
    page = elsewhere.get("/").text
    assert '<html lang="it" data-theme="dark"' in page
    other = client_as(Role.VIEWER).get("/", headers={"accept-language": "fr"}).text
    assert '<html lang="fr" data-theme="auto"' in other


@pytest.mark.parametrize("bad", [{"language": "xx"}, {"theme": "pink"}])
def test_an_unknown_choice_is_refused(officer: TestClient, bad: dict[str, str]) -> None:
    csrf = csrf_of(officer.get("/").text)
    assert officer.post("/preferences", data={"csrf": csrf, **bad}).status_code == 422


def test_a_choice_leads_to_no_other_site(officer: TestClient) -> None:
    csrf = csrf_of(officer.get("/").text)
    form = {"csrf": csrf, "language": "en", "next": "//evil.example/"}
    assert officer.post("/preferences", data=form).headers["location"] == "/"


def test_what_the_site_is_called_is_no_format(officer: TestClient) -> None:
    answer = officer.get("/alerts/100%25%28x%29s", headers={"accept-language": "fr"})
    assert answer.status_code == 404
    assert "Introuvable" in answer.text


def test_a_refusal_is_told_in_the_language_of_the_page(client_as: ClientAs) -> None:
    viewer = client_as(Role.VIEWER)
    for path, words in (
        ("/site", "Fragen Sie jemanden mit der Rolle"),
        ("/alerts/none", "Gehen Sie zurück zur Liste"),
        ("/none", "Diese Seite gibt es nicht"),
    ):
        assert words in viewer.get(path, headers={"accept-language": "de"}).text, path
    refused = viewer.get("/api/v1/site", headers={"accept-language": "de"}).json()
    assert refused["detail"].startswith("your role viewer may not"), "programs read English"


def test_what_the_guard_refuses_is_told_to_people_in_their_language(client_as: ClientAs) -> None:
    person = client_as(Role.ADMINISTRATOR)
    page = {"accept-language": "de", "accept": "text/html"}
    large = person.post("/map/plans", content=b"x" * 9_000_000, headers=page)
    assert large.status_code == 413
    assert "Zu groß" in large.text
    assert "9.000.000 Byte gesendet, angenommen werden höchstens 8.454.144" in large.text
    elsewhere = {**page, "origin": "http://evil.example"}
    foreign = person.post("/preferences", data={}, headers=elsewhere)
    assert foreign.status_code == 403
    assert "kommt von einer anderen Website" in foreign.text
    assert 'lang="en">this' not in foreign.text
    program = person.post("/preferences", data={}, headers={**elsewhere, "accept": "*/*"})
    assert program.json()["detail"].startswith("this request comes from another site")
