"""Who gets in, with what, from where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount

from dashboard.auth import Lockout, create_login_code, normalise_actor, normalise_code
from dashboard.backend import Backend
from dashboard.security import CSP, local_path
from tests.plant import Plant
from tests.unit.dashboard.conftest import Clock, csrf_of

PUBLIC = {"/login", "/livez", "/readyz"}
FILLED = {
    "alert_id": "alert-1",
    "request_id": "none",
    "camera_id": "yard-1",
    "evidence_id": "0" * 64,
}


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every route of the application as (method, path)."""
    seen = set()

    def walk(items: list[Any]) -> None:
        for route in items:
            if isinstance(route, Mount):
                continue
            inner = getattr(route, "original_router", None) or getattr(route, "router", None)
            if inner is not None and not hasattr(route, "path"):
                walk(inner.routes)
                continue
            for method in route.methods - {"HEAD"}:
                seen.add((method, route.path))

    walk(app.routes)
    yield from sorted(seen)


def filled(path: str) -> str:
    for name, value in FILLED.items():
        path = path.replace("{" + name + "}", value)
    return path


def test_every_route_but_the_listed_ones_wants_a_login(
    app: FastAPI, stranger: TestClient, plant: Plant
) -> None:
    plant.raise_alert()
    found = list(routes(app))
    assert ("POST", "/alerts/{alert_id}/actions") in found
    assert ("GET", "/api/v1/alarms") in found
    for method, path in found:
        answer = stranger.request(method, filled(path), headers={"content-length": "0"})
        if path in PUBLIC:
            assert answer.status_code in (200, 403), path
        else:
            assert answer.status_code in (303, 401), (method, path, answer.status_code)
            assert "alert-1" not in answer.text


def test_every_post_wants_the_csrf_token(app: FastAPI, officer: TestClient, plant: Plant) -> None:
    plant.raise_alert()
    posts = [path for method, path in routes(app) if method == "POST"]
    assert len(posts) >= 4
    for path in posts:
        bad = {"csrf": "0" * 64, "verb": "acknowledge", "expected_revision": "1"}
        assert officer.post(filled(path), data=bad).status_code == 403, path
    assert plant.store.pending_requests() == []


@pytest.mark.parametrize(
    "path", ["/", "/login", "/nothing", "/livez", "/static/app.css", "/api/v1/health", "/events/x"]
)
def test_every_answer_carries_the_security_headers(officer: TestClient, path: str) -> None:
    headers = officer.get(path).headers
    assert headers["content-security-policy"] == CSP
    assert "unsafe" not in CSP
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_no_page_holds_inline_script_or_style(officer: TestClient, plant: Plant) -> None:
    alert = plant.raise_alert()
    plant.add_opinion(alert)
    for path in ("/", "/journal", "/cameras", "/health", f"/alerts/{alert}"):
        text = officer.get(path).text
        assert "style=" not in text
        assert "<style" not in text
        assert " onclick" not in text
        assert text.count("<script") == len(re.findall(r'<script [a-z="]* ?src="/static/', text))
        assert text.count("<script") == text.count("></script>")


def test_a_stranger_is_led_to_the_login_and_back(stranger: TestClient, backend: Backend) -> None:
    answer = stranger.get("/journal?area=yard")
    assert answer.headers["location"] == "/login?next=%2Fjournal%3Farea%3Dyard"
    page = stranger.get(answer.headers["location"])
    form = {
        "csrf": csrf_of(page.text),
        "actor": "Ada",
        "code": create_login_code(backend.desk),
        "next": "/journal?area=yard",
    }
    answer = stranger.post("/login", data=form)
    assert answer.headers["location"] == "/journal?area=yard"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie


def test_the_cookie_is_secure_over_https(app: FastAPI, backend: Backend) -> None:
    with TestClient(app, base_url="https://testserver", follow_redirects=False) as client:
        page = client.get("/login")
        code = create_login_code(backend.desk)
        form = {"csrf": csrf_of(page.text), "actor": "Ada", "code": code}
        assert "Secure" in client.post("/login", data=form).headers["set-cookie"]


def log_in(client: TestClient, code: str, actor: str = "Ada") -> int:
    page = client.get("/login")
    form = {"csrf": csrf_of(page.text), "actor": actor, "code": code}
    return client.post("/login", data=form).status_code


def test_a_code_counts_once(stranger: TestClient, backend: Backend) -> None:
    code = create_login_code(backend.desk)
    assert log_in(stranger, code) == 303
    stranger.cookies.clear()
    assert log_in(stranger, code) == 403


def test_a_code_may_be_typed_without_dash_and_in_small_letters(
    stranger: TestClient, backend: Backend
) -> None:
    code = create_login_code(backend.desk)
    assert log_in(stranger, f" {code.replace('-', '').lower()} ") == 303


def test_an_expired_code_is_refused(stranger: TestClient, backend: Backend, clock: Clock) -> None:
    code = create_login_code(backend.desk, clock.now() - timedelta(minutes=16))
    assert log_in(stranger, code) == 403


def test_five_wrong_codes_lock_the_address_out_even_for_the_right_one(
    stranger: TestClient, backend: Backend, clock: Clock
) -> None:
    assert [log_in(stranger, "AAAA-AAAA") for _ in range(5)] == [403] * 5
    assert log_in(stranger, create_login_code(backend.desk)) == 429
    clock.ahead_s = 15 * 60 + 1
    assert log_in(stranger, create_login_code(backend.desk, clock.now())) == 303


def test_many_addresses_together_are_slowed_down() -> None:
    now = 0.0
    lockout = Lockout(lambda: now)
    for number in range(40):
        assert lockout.wait_s(f"10.0.0.{number}") == 0
        lockout.failed(f"10.0.0.{number}")
    assert lockout.wait_s("10.0.1.1") == 60
    now = 61.0
    assert lockout.wait_s("10.0.1.1") == 0


def test_login_needs_the_token_of_its_own_page(stranger: TestClient, backend: Backend) -> None:
    form = {"csrf": "0" * 64, "actor": "Ada", "code": create_login_code(backend.desk)}
    assert stranger.post("/login", data=form).status_code == 403


def test_a_session_ends_after_the_shift(officer: TestClient, clock: Clock) -> None:
    assert officer.get("/").status_code == 200
    clock.ahead_s = 12 * 3600 + 60
    assert officer.get("/").status_code == 303


def test_a_made_up_cookie_is_worth_nothing(stranger: TestClient) -> None:
    for value in ("x", "x" * 3000, "a.b.c"):
        stranger.cookies.set("hazard_session", value)
        assert stranger.get("/").status_code == 303


def test_after_logging_out_the_cookie_is_worth_nothing(officer: TestClient) -> None:
    cookie = officer.cookies["hazard_session"]
    assert officer.post("/logout", data={"csrf": csrf_of(officer.get("/").text)}).status_code == 303
    officer.cookies.set("hazard_session", cookie)
    assert officer.get("/").status_code == 303


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_post_from_another_site_is_refused(officer: TestClient, headers: dict[str, str]) -> None:
    data = {"csrf": csrf_of(officer.get("/").text)}
    assert officer.post("/logout", data=data, headers=headers).status_code == 403
    assert officer.get("/").status_code == 200


def test_a_long_body_is_refused(officer: TestClient) -> None:
    assert officer.post("/logout", content=b"x" * 70_000).status_code == 413


def test_login_and_refusal_are_in_the_audit(
    stranger: TestClient, backend: Backend, plant: Plant
) -> None:
    log_in(stranger, "AAAA-AAAA", "Mallory")
    log_in(stranger, create_login_code(backend.desk), "Ada")
    lines = plant.store.queries.audit_page().lines
    assert [(line.actor, line.verb) for line in lines] == [
        ("Ada", "login"),
        ("console", "login_code"),
        ("Mallory", "login_refused"),
    ]


@pytest.mark.parametrize("name", ["", "  ", "\u202e\u0000", "x" * 65])
def test_a_name_that_cannot_stand_in_the_audit_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        normalise_actor(name)


def test_names_and_codes_are_tidied() -> None:
    assert normalise_actor("  Ada\n Lovelace ") == "Ada Lovelace"
    assert normalise_code("abcd-efgh ") == "ABCDEFGH"


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/\n/x", "x"],
)
def test_after_login_nobody_is_led_to_another_site(target: str) -> None:
    assert local_path(target) == "/"


def test_the_static_folder_is_not_a_way_out(stranger: TestClient) -> None:
    assert stranger.get("/static/..%2f..%2fapp.py").status_code == 404
    assert stranger.get("/static/../login").status_code == 200
