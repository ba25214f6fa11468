"""Administration of people, sessions and tokens; one's own account; and areas that bound a role."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from dashboard.backend import Backend
from dashboard.security import COOKIE
from hazard.types import Role, Verb
from tests.plant import Plant
from tests.unit.dashboard.conftest import HOST, ClientAs, Clock, cheap_passwords, csrf_of

PASSWORD = "a quiet night at the plant"  # noqa: S105 - of a database that a test throws away
OTHER = "another quiet night here"
CODE = re.compile(r"<code>([A-Z2-9]{4}-[A-Z2-9]{4})</code>")
TOKEN = re.compile(r"<code>(hz_[0-9a-f]{8}_[\w-]{43})</code>")


@pytest.fixture
def admin(client_as: ClientAs) -> TestClient:
    """An administrator's browser."""
    return client_as(Role.ADMINISTRATOR, name="Root")


def post(client: TestClient, path: str, **form: object) -> Response:
    """Post a form as its page does."""
    return client.post(path, data={"csrf": csrf_of(client.get("/me").text)} | form)


def account_id(backend: Backend, name: str) -> str:
    found = backend.people.accounts.credentials(name)
    assert found is not None
    return found[0].account_id


def set_up(client: TestClient, code: str, name: str, password: str = PASSWORD) -> int:
    form = {"csrf": csrf_of(client.get("/setup").text), "code": code, "actor": name}
    return client.post("/setup", data=form | {"password": password}).status_code


def test_a_new_person_sets_their_own_password_with_a_code_that_is_shown_once(
    admin: TestClient, stranger: TestClient, backend: Backend
) -> None:
    answer = post(admin, "/admin/people", name="Eve", role="operator", areas=["yard"])
    assert answer.status_code == 201
    (code,) = CODE.findall(answer.text)
    assert set_up(stranger, code, "Root") == 403, "it is Eve's"
    assert set_up(stranger, code, "Eve") == 303
    assert "Loading yard" in stranger.get("/me").text
    assert code not in admin.get("/admin/people").text
    eve = backend.people.accounts.get(account_id(backend, "Eve"))
    assert (eve.role, eve.areas, eve.has_password) == (Role.OPERATOR, ("yard",), True)


@pytest.mark.parametrize(
    ("form", "status", "why"),
    [
        ({"name": "ROOT", "role": "viewer"}, 409, "This name is taken"),
        ({"name": "agent", "role": "viewer"}, 409, "stands for a part of the program"),
        ({"name": "Eve", "role": "viewer", "areas": ["moon"]}, 422, "There is no area moon"),
        ({"name": "Eve", "role": "king"}, 422, "role"),
        ({"name": "  ", "role": "viewer"}, 422, "Give your name"),
        ({"name": "x" * 65, "role": "viewer"}, 422, "name"),
    ],
)
def test_a_wrong_person_is_refused_with_the_mend(
    admin: TestClient, backend: Backend, form: dict[str, object], status: int, why: str
) -> None:
    answer = post(admin, "/admin/people", **form)
    assert (answer.status_code, why in answer.text) == (status, True)
    assert len(backend.people.accounts.all()) == 1


def test_another_role_counts_at_once_and_logs_the_person_out(
    admin: TestClient, client_as: ClientAs, backend: Backend
) -> None:
    eve = client_as(Role.OPERATOR, name="Eve")
    path = f"/admin/people/{account_id(backend, 'Eve')}"
    assert eve.get("/").status_code == 200
    answer = post(admin, path, role="viewer", areas=["yard"])
    assert answer.headers["location"] == f"{path}?done=changed"
    assert "has to log in again" in admin.get(answer.headers["location"]).text
    assert eve.get("/").status_code == 303


def test_disabling_ends_everything_and_a_new_code_ends_the_old_password(
    admin: TestClient, client_as: ClientAs, stranger: TestClient, backend: Backend, clock: Clock
) -> None:
    eve = client_as(Role.OPERATOR, name="Eve")
    whose = account_id(backend, "Eve")
    hashed = cheap_passwords().make(PASSWORD)
    backend.people.accounts.set_password(whose, hashed, by="test", now=clock.now())

    def logs_in(password: str) -> int:
        form = {"csrf": csrf_of(stranger.get("/login").text), "actor": "Eve"}
        return stranger.post("/login", data=form | {"password": password}).status_code

    assert eve.get("/").status_code == 303, "another password ends all sessions"
    assert logs_in(PASSWORD) == 303
    post(admin, f"/admin/people/{whose}/disable")
    assert stranger.get("/").status_code == 303
    assert logs_in(PASSWORD) == 403
    post(admin, f"/admin/people/{whose}/enable")
    assert logs_in(PASSWORD) == 303
    answer = post(admin, f"/admin/people/{whose}/invitation")
    assert stranger.get("/").status_code == 303
    assert logs_in(PASSWORD) == 403
    stranger.cookies.clear()
    assert set_up(stranger, CODE.findall(answer.text)[0], "Eve", OTHER) == 303
    assert logs_in(OTHER) == 303


def test_the_last_administrator_cannot_shut_everybody_out(
    admin: TestClient, backend: Backend
) -> None:
    path = f"/admin/people/{account_id(backend, 'Root')}"
    for answer in (post(admin, path, role="viewer"), post(admin, f"{path}/disable")):
        assert answer.status_code == 409
        assert "last administrator" in answer.text
    assert admin.get("/admin/people").status_code == 200


def test_an_administrator_of_some_areas_manages_nobody_and_gives_themselves_no_others(
    admin: TestClient, client_as: ClientAs, backend: Backend
) -> None:
    bound = client_as(Role.ADMINISTRATOR, areas=("yard",), name="Bound")
    whose = account_id(backend, "Bound")
    answer = post(bound, f"/admin/people/{whose}", role="administrator")
    assert (answer.status_code, "holds in yard" in answer.text) == (403, True)
    assert post(bound, "/admin/people", name="Eve", role="administrator").status_code == 403
    assert "/admin/people" not in bound.get("/admin/maintenance").text
    assert "administer" not in bound.get("/api/v1/me").json()["permissions"]
    root = f"/admin/people/{account_id(backend, 'Root')}"
    for path, form in (
        (root, {"role": "administrator", "areas": ["yard"]}),
        (f"{root}/disable", {}),
    ):
        answer = post(admin, path, **form)
        assert (answer.status_code, "last administrator" in answer.text) == (409, True), path
    assert backend.people.accounts.get(whose).areas == ("yard",)


def test_sessions_are_seen_and_ended(
    admin: TestClient, client_as: ClientAs, backend: Backend, clock: Clock
) -> None:
    eve = client_as(Role.OPERATOR, name="Eve")
    page = admin.get("/admin/sessions").text
    assert "Eve" in page
    assert "this browser" in page
    sessions = backend.people.logins.sessions(clock.now(), idle=timedelta(hours=1))
    session = next(each for each in sessions if each.actor == "Eve")
    assert eve.cookies[COOKIE] not in page
    post(admin, f"/admin/sessions/{session.session_id}/end")
    assert eve.get("/").status_code == 303
    assert admin.get("/").status_code == 200


def test_nobody_ends_the_sessions_or_tokens_of_others_as_their_own(
    admin: TestClient, client_as: ClientAs, backend: Backend, clock: Clock
) -> None:
    eve = client_as(Role.OPERATOR, name="Eve")
    sessions = backend.people.logins.sessions(clock.now(), idle=timedelta(hours=1))
    other = next(each for each in sessions if each.actor == "Root")
    post(eve, f"/me/sessions/{other.session_id}/end")
    assert admin.get("/").status_code == 200
    post(admin, "/me/tokens", name="board", scopes=["view"], days="1")
    (token,) = backend.people.tokens.all()
    post(eve, f"/me/tokens/{token.token_id}/revoke")
    assert backend.people.tokens.all()[0].revoked_at is None
    post(admin, f"/me/tokens/{token.token_id}/revoke")
    assert backend.people.tokens.all()[0].revoked_at is not None


def test_a_token_is_shown_once_may_what_it_says_and_ends(
    client_as: ClientAs, app: FastAPI, plant: Plant, clock: Clock
) -> None:
    alert = plant.raise_alert()
    eve = client_as(Role.OPERATOR, name="Eve")
    answer = post(eve, "/me/tokens", name="board", scopes=["view"], days="2")
    (text,) = TOKEN.findall(answer.text)[:1]
    assert text not in eve.get("/me").text
    program = TestClient(app, headers={"authorization": f"Bearer {text}"})
    assert program.get("/api/v1/alerts").status_code == 200
    assert program.get("/api/v1/me").json()["permissions"] == ["view"]
    body = {"verb": "acknowledge", "expected_revision": 1}
    refused = program.post(f"/api/v1/alerts/{alert}/actions", json=body)
    assert (refused.status_code, "scope act" in refused.text) == (403, True)
    assert program.get("/", follow_redirects=False).status_code in (303, 401)
    clock.ahead_s = 2 * 24 * 3600 + 1
    assert program.get("/api/v1/alerts").status_code == 401


def test_a_token_acts_as_its_person_without_a_csrf_token(
    client_as: ClientAs, app: FastAPI, plant: Plant
) -> None:
    alert = plant.raise_alert()
    eve = client_as(Role.OPERATOR, name="Eve")
    answer = post(eve, "/me/tokens", name="board", scopes=["view", "act"], days="2")
    program = TestClient(app, headers={"authorization": f"Bearer {TOKEN.findall(answer.text)[0]}"})
    body = {"verb": "acknowledge", "expected_revision": 1}
    assert program.post(f"/api/v1/alerts/{alert}/actions", json=body).status_code == 202
    (request,) = plant.store.pending_requests()
    assert (request.actor, request.role) == ("Eve", Role.OPERATOR)
    made = program.post("/api/v1/me/tokens", json={"name": "more", "scopes": ["view"]})
    assert (made.status_code, "browser" in made.text) == (403, True)


def test_a_token_is_let_in_by_the_scope_that_goes_with_what_it_asks_for(
    client_as: ClientAs, app: FastAPI, plant: Plant
) -> None:
    alert = plant.raise_alert()
    sofia = client_as(Role.SAFETY_OFFICER, name="Sofia")
    answer = post(sofia, "/me/tokens", name="cases", scopes=["handle"], days="2")
    program = TestClient(app, headers={"authorization": f"Bearer {TOKEN.findall(answer.text)[0]}"})
    close = {
        "verb": "close-case",
        "expected_revision": 1,
        "comment": "a leak",
        "arguments": {"cause": "true_hazard"},
    }
    assert program.post(f"/api/v1/alerts/{alert}/actions", json=close).status_code == 202
    body = {"verb": "acknowledge", "expected_revision": 1}
    refused = program.post(f"/api/v1/alerts/{alert}/actions", json=body)
    assert (refused.status_code, "scope act" in refused.text) == (403, True)
    assert [each.verb for each in plant.store.pending_requests()] == [Verb.CLOSE_CASE]


def test_no_token_may_more_than_its_person(client_as: ClientAs, backend: Backend) -> None:
    eve = client_as(Role.OPERATOR, name="Eve")
    answer = post(eve, "/me/tokens", name="board", scopes=["view", "administer"], days="2")
    assert answer.status_code == 422
    assert "administer" in answer.text
    for wrong in ({"days": "367"}, {"days": "0"}, {"scopes": []}, {"scopes": ["fly"]}):
        form = {"name": "board", "scopes": ["view"], "days": "2"} | wrong
        assert post(eve, "/me/tokens", **form).status_code == 422
    assert backend.people.tokens.all() == []


def test_a_token_loses_what_its_person_loses(
    client_as: ClientAs, app: FastAPI, backend: Backend, clock: Clock
) -> None:
    eve = client_as(Role.SAFETY_OFFICER, name="Eve")
    answer = post(eve, "/me/tokens", name="board", scopes=["view", "read_audit"], days="2")
    program = TestClient(app, headers={"authorization": f"Bearer {TOKEN.findall(answer.text)[0]}"})
    assert program.get("/api/v1/audit").status_code == 200
    accounts = backend.people.accounts
    accounts.change(account_id(backend, "Eve"), Role.OPERATOR, (), by="Root", now=clock.now())
    assert program.get("/api/v1/audit").status_code == 403
    assert program.get("/api/v1/alerts").status_code == 200


def test_one_changes_ones_own_password_and_the_other_browsers_are_out(
    client_as: ClientAs, backend: Backend, clock: Clock, app: FastAPI
) -> None:
    eve = client_as(Role.VIEWER, name="Eve")
    other = TestClient(app, follow_redirects=False)
    account = backend.people.accounts.get(account_id(backend, "Eve"))
    hashed = cheap_passwords().make(PASSWORD)
    backend.people.accounts.rehash(account.account_id, hashed)
    token = backend.people.logins.open_session(account, clock.now(), lifetime=timedelta(hours=1))
    other.cookies.set(COOKIE, token, domain=HOST)
    before = eve.cookies[COOKIE]
    assert "old password is wrong" in post(eve, "/me/password", old="wrong", new=OTHER).text
    assert "at least 12" in post(eve, "/me/password", old=PASSWORD, new="short").text
    assert other.get("/api/v1/me").status_code == 200
    answer = post(eve, "/me/password", old=PASSWORD, new=OTHER)
    assert answer.headers["location"] == "/me?done=password"
    assert eve.cookies[COOKIE] != before
    assert eve.get("/me").status_code == 200
    assert other.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(("area", "status"), [("compressor", 202), ("yard", 403)])
def test_an_operator_of_one_area_cannot_act_in_another(
    client_as: ClientAs, plant: Plant, area: str, status: int
) -> None:
    alert = plant.raise_alert(area=area)
    eve = client_as(Role.OPERATOR, ("compressor",), "Eve")
    csrf = csrf_of(eve.get("/me").text)
    answer = eve.post(
        f"/api/v1/alerts/{alert}/actions",
        json={"verb": "acknowledge", "expected_revision": 1},
        headers={"x-csrf-token": csrf},
    )
    assert answer.status_code == status
    pending = plant.store.pending_requests()
    assert [request.areas for request in pending] == [("compressor",)] * (status == 202)
    assert eve.get(f"/alerts/{alert}").status_code == 200, "everybody sees everything"


def test_the_api_of_people_does_what_the_pages_do(admin: TestClient, backend: Backend) -> None:
    csrf = {"x-csrf-token": csrf_of(admin.get("/me").text)}
    form = {"name": "Eve", "role": "operator", "areas": ["yard"]}
    made = admin.post("/api/v1/people", json=form, headers=csrf)
    assert made.status_code == 201
    eve = made.json()["person"]
    assert "password_hash" not in made.text
    assert admin.post("/api/v1/people", json=form, headers=csrf).status_code == 409
    path = f"/api/v1/people/{eve['account_id']}"
    changed = admin.put(path, json={"role": "viewer"}, headers=csrf).json()
    assert (changed["role"], changed["areas"]) == ("viewer", [])
    assert admin.put(
        path, json={"role": "viewer", "areas": ["moon"]}, headers=csrf
    ).status_code == (422)
    assert admin.post(f"{path}/disable", headers=csrf).json()["disabled_at"]
    assert admin.post(f"{path}/enable", headers=csrf).json()["disabled_at"] is None
    token = admin.post(
        f"{path}/tokens", json={"name": "board", "scopes": ["view"]}, headers=csrf
    ).json()
    assert token["text"].startswith(f"hz_{token['token']['token_id']}_")
    listed = admin.get("/api/v1/tokens").text
    assert token["text"] not in listed
    gone = admin.delete(f"/api/v1/tokens/{token['token']['token_id']}", headers=csrf)
    assert gone.status_code == 204
    assert admin.get("/api/v1/people/nobody").status_code == 404
    assert [each["name"] for each in admin.get("/api/v1/people").json()] == ["Eve", "Root"]
    (session,) = admin.get("/api/v1/sessions").json()
    ended = admin.delete(f"/api/v1/sessions/{session['session_id']}", headers=csrf)
    assert ended.status_code == 204
    assert admin.get("/api/v1/me").status_code == 401
    assert backend.people.accounts.all()[0].disabled_at is None


def test_a_hostile_name_is_text_wherever_it_is_shown(
    admin: TestClient, client_as: ClientAs
) -> None:
    name = "<img src=x onerror=alert(1)>\"'{{7*7}}"
    client_as(Role.VIEWER, name=name)
    for path in ("/admin/people", "/admin/sessions", "/admin/audit"):
        text = admin.get(path).text
        assert "<img" not in text
        assert "&lt;img src=x" in text


def test_what_one_chose_to_read_and_see_comes_along_to_another_browser(
    client_as: ClientAs, app: FastAPI, backend: Backend, clock: Clock
) -> None:
    eve = client_as(Role.VIEWER, name="Eve")
    post(eve, "/preferences", language="de", theme="dark", next="/me")
    account = backend.people.accounts.get(account_id(backend, "Eve"))
    token = backend.people.logins.open_session(account, clock.now(), lifetime=timedelta(hours=1))
    other = TestClient(app, headers={"accept": "text/html", "accept-language": "fr"})
    other.cookies.set(COOKIE, token, domain=HOST)
    page = other.get("/me").text
    assert '<html lang="de" data-theme="dark"' in page
    assert "Mein Konto" in page
