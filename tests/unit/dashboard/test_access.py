"""Who gets in, with what, from where."""

from __future__ import annotations

import re
import sqlite3
from contextlib import ExitStack
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from dashboard.app import create_app
from dashboard.auth import csrf_token, normalise_actor, normalise_code
from dashboard.backend import Backend
from dashboard.lockout import Lockout
from dashboard.passwords import Passwords
from dashboard.security import COOKIE, CSP, local_path
from dashboard.settings import Settings
from hazard.store.accounts import Account
from hazard.types import Role
from tests.plant import Plant
from tests.unit.dashboard.conftest import Clock, cheap_passwords, csrf_of

PASSWORD = "a quiet night at the plant"  # noqa: S105 - of a database that a test throws away


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/login",
        "/setup",
        "/nothing",
        "/livez",
        "/static/app.css",
        "/api/v1/health",
        "/events/x",
    ],
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
    for path in ("/", "/alarms", "/live", "/health", f"/alerts/{alert}"):
        text = officer.get(path).text
        assert "style=" not in text
        assert "<style" not in text
        assert " onclick" not in text
        assert text.count("<script") == len(re.findall(r'<script [a-z="]* ?src="/static/', text))
        assert text.count("<script") == text.count("></script>")


@pytest.fixture
def ada(backend: Backend, clock: Clock) -> Account:
    """A safety officer with a password, not logged in."""
    accounts = backend.people.accounts
    made = accounts.create("Ada", Role.SAFETY_OFFICER, (), by="test", now=clock.now())
    hashed = cheap_passwords().make(PASSWORD)
    accounts.set_password(made.account_id, hashed, by="test", now=clock.now())
    return made


def log_in(
    client: TestClient, password: str = PASSWORD, actor: str = "Ada", target: str = "/"
) -> Response:
    page = client.get("/login")
    form = {"csrf": csrf_of(page.text), "actor": actor, "password": password, "next": target}
    return client.post("/login", data=form)


def set_up(client: TestClient, code: str, actor: str = "Ada", password: str = PASSWORD) -> Response:
    page = client.get("/setup")
    form = {"csrf": csrf_of(page.text), "actor": actor, "code": code, "password": password}
    return client.post("/setup", data=form)


def verbs(plant: Plant) -> list[tuple[str, str]]:
    """Who did what in the dashboard, the oldest first."""
    lines = plant.store.queries.audit_page().lines
    return [(line.actor, line.verb) for line in reversed(lines) if line.chain == "dashboard"]


def test_the_first_person_sets_themselves_up_with_the_code_of_the_console(
    stranger: TestClient, backend: Backend, clock: Clock, plant: Plant
) -> None:
    code = backend.people.logins.new_code(clock.now())
    assert stranger.get("/login").headers["location"] == "/setup"
    assert "You will be the administrator" in stranger.get("/setup").text
    assert set_up(stranger, code).headers["location"] == "/"
    assert "Ada" in stranger.get("/").text
    (made,) = backend.people.accounts.all()
    assert (made.name, made.role) == ("Ada", Role.ADMINISTRATOR)
    assert verbs(plant) == [
        ("console", "login_code"),
        ("console", "account_created"),
        ("console", "password_set"),
        ("Ada", "login"),
    ]
    stranger.cookies.clear()
    assert log_in(stranger).status_code == 303


def test_a_code_counts_once(stranger: TestClient, backend: Backend, clock: Clock) -> None:
    code = backend.people.logins.new_code(clock.now())
    assert set_up(stranger, code).status_code == 303
    stranger.cookies.clear()
    assert set_up(stranger, code, "Eve").status_code == 403
    assert len(backend.people.accounts.all()) == 1


def test_a_code_may_be_typed_without_dash_and_in_small_letters(
    stranger: TestClient, backend: Backend, clock: Clock
) -> None:
    code = backend.people.logins.new_code(clock.now())
    assert set_up(stranger, f" {code.replace('-', '').lower()} ").status_code == 303


def test_an_expired_code_is_refused(stranger: TestClient, backend: Backend, clock: Clock) -> None:
    code = backend.people.logins.new_code(clock.now() - timedelta(minutes=16))
    assert set_up(stranger, code).status_code == 403


def test_a_weak_password_is_refused_with_the_mend_and_the_code_still_counts(
    stranger: TestClient, backend: Backend, clock: Clock
) -> None:
    code = backend.people.logins.new_code(clock.now())
    answer = set_up(stranger, code, "Ada", "short")
    assert answer.status_code == 422
    assert "at least 12" in answer.text
    assert code in answer.text
    assert "short" not in answer.text.split("<form")[1]
    assert set_up(stranger, code).status_code == 303


def test_who_cannot_get_in_sets_a_new_password_with_a_code_of_the_console(
    stranger: TestClient, backend: Backend, clock: Clock, ada: Account
) -> None:
    code = backend.people.logins.new_code(clock.now())
    other = "another quiet night"
    assert set_up(stranger, code, password=other).status_code == 303
    stranger.cookies.clear()
    assert log_in(stranger).status_code == 403
    assert log_in(stranger, other).status_code == 303
    assert backend.people.accounts.get(ada.account_id).role is Role.SAFETY_OFFICER


@pytest.mark.usefixtures("ada")
def test_a_stranger_is_led_to_the_login_and_back(stranger: TestClient) -> None:
    answer = stranger.get("/alarms?area=yard")
    assert answer.headers["location"] == "/login?next=%2Falarms%3Farea%3Dyard"
    answer = log_in(stranger, target="/alarms?area=yard")
    assert answer.headers["location"] == "/alarms?area=yard"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie


@pytest.mark.usefixtures("ada")
def test_over_https_the_cookie_is_secure_and_the_browser_stays_with_https(app: FastAPI) -> None:
    with TestClient(app, base_url="https://testserver", follow_redirects=False) as client:
        answer = log_in(client)
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.usefixtures("ada")
def test_a_browser_gets_a_fresh_session_and_the_one_that_it_came_with_ends(
    stranger: TestClient,
) -> None:
    stranger.cookies.set(COOKIE, "chosen-by-an-attacker", domain="testserver.local")
    log_in(stranger)
    first = stranger.cookies[COOKIE]
    assert first != "chosen-by-an-attacker"
    log_in(stranger)
    second = stranger.cookies[COOKIE]
    assert second != first
    stranger.cookies.set(COOKIE, first, domain="testserver.local")
    assert stranger.get("/").status_code == 303


@pytest.mark.usefixtures("ada")
def test_a_password_is_kept_as_argon2id_and_nowhere_else(
    stranger: TestClient, backend: Backend, plant: Plant
) -> None:
    log_in(stranger)
    found = backend.people.accounts.credentials("Ada")
    assert found is not None
    assert found[1].startswith("$argon2id$")
    assert Passwords().make(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    for file in plant.data_dir.glob("hazard.db*"):
        assert PASSWORD.encode() not in file.read_bytes()


def test_a_hash_of_older_parameters_is_made_anew_at_the_next_login(
    stranger: TestClient, backend: Backend, ada: Account
) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
    backend.people.accounts.rehash(ada.account_id, old)
    assert log_in(stranger).status_code == 303
    found = backend.people.accounts.credentials("Ada")
    assert found is not None
    assert "t=1" in found[1]
    assert stranger.get("/").status_code == 200


def test_unknown_disabled_and_wrong_are_told_alike(
    stranger: TestClient, backend: Backend, clock: Clock, ada: Account
) -> None:
    backend.people.accounts.create("Bob", Role.ADMINISTRATOR, (), by="test", now=clock.now())
    backend.people.accounts.disable(ada.account_id, by="Bob", now=clock.now())
    told = {
        re.sub(r'value="[^"]*"', "", log_in(stranger, word, name).text)
        for name, word in (("Ada", PASSWORD), ("Bob", PASSWORD), ("Nobody", PASSWORD))
    }
    assert len(told) == 1
    assert "Name or password is wrong." in told.pop()


@pytest.mark.usefixtures("ada")
def test_after_five_wrong_passwords_the_wait_doubles_each_time(
    stranger: TestClient, clock: Clock, plant: Plant
) -> None:
    assert [log_in(stranger, "wrong").status_code for _ in range(5)] == [403] * 4 + [429]
    waits = []
    for _ in range(3):
        answer = log_in(stranger)
        assert answer.status_code == 429, "even the right one has to wait"
        assert "Too many wrong tries" in answer.text
        waits.append(int(answer.headers["retry-after"]))
        clock.ahead_s += waits[-1]
        log_in(stranger, "wrong")
    assert waits == [31, 61, 121]
    assert ("Ada", "login_locked") in verbs(plant)
    clock.ahead_s += 15 * 60
    assert log_in(stranger).status_code == 303


def test_nobody_locks_the_officer_out_of_an_address_where_they_got_in() -> None:
    lockout = Lockout(lambda: 0.0)
    lockout.succeeded("10.0.0.7", "ada")
    for _ in range(8):
        lockout.failed("10.6.6.6", "ada")
    for number in range(40):
        lockout.failed(f"10.6.7.{number}", f"name {number}")
    assert lockout.wait_s("10.0.0.7", "ada") == 0
    assert lockout.wait_s("10.0.0.8", "ada") > 0
    assert lockout.wait_s("10.6.6.6", "bob") > 0


@pytest.mark.usefixtures("ada")
def test_a_start_of_the_dashboard_does_not_let_others_lock_the_officer_out(
    stranger: TestClient, plant: Plant, backend: Backend
) -> None:
    assert log_in(stranger).status_code == 303
    where = Settings(site_file=plant.site_file, data_dir=plant.data_dir, run_dir=plant.run_dir)
    again = create_app(where, backend, passwords=cheap_passwords())
    with (
        TestClient(again, follow_redirects=False, client=("10.6.6.6", 1)) as guessing,
        TestClient(again, follow_redirects=False) as officer,
    ):
        answers = [log_in(guessing, f"wrong {number}").status_code for number in range(6)]
        assert answers[-1] == 429
        assert log_in(officer).status_code == 303


@pytest.mark.usefixtures("ada")
def test_a_start_of_the_dashboard_gives_nobody_new_tries(
    app: FastAPI, plant: Plant, backend: Backend, clock: Clock
) -> None:
    with TestClient(app, follow_redirects=False, client=("10.6.6.6", 1)) as guessing:
        answers = [log_in(guessing, f"wrong {number}").status_code for number in range(5)]
    assert answers == [403] * 4 + [429]
    where = Settings(site_file=plant.site_file, data_dir=plant.data_dir, run_dir=plant.run_dir)
    again = create_app(where, backend, passwords=cheap_passwords(), now=clock.now)
    with (
        TestClient(again, follow_redirects=False, client=("10.6.6.6", 1)) as guessing,
        TestClient(again, follow_redirects=False, client=("10.7.7.7", 1)) as elsewhere,
    ):
        assert log_in(guessing, PASSWORD).status_code == 429
        assert log_in(elsewhere, PASSWORD).status_code == 429, "the name is being guessed"
    with sqlite3.connect(plant.data_dir / "hazard.db") as database:
        database.execute("UPDATE audit SET node = 'edge-2' WHERE verb = 'login_refused'")
    replica = create_app(where, backend, passwords=cheap_passwords(), now=clock.now)
    with TestClient(replica, follow_redirects=False, client=("10.7.7.7", 1)) as elsewhere:
        assert log_in(elsewhere, "wrong 1").status_code == 403, "guessed at another's dashboard"
    clock.ahead_s = 3600
    later = create_app(where, backend, passwords=cheap_passwords(), now=clock.now)
    with TestClient(later, follow_redirects=False, client=("10.6.6.6", 1)) as guessing:
        assert log_in(guessing, PASSWORD).status_code == 303


def test_many_addresses_together_are_slowed_down() -> None:
    now = 0.0
    lockout = Lockout(lambda: now)
    for number in range(40):
        assert lockout.wait_s(f"10.0.0.{number}") == 0
        lockout.failed(f"10.0.0.{number}")
    assert lockout.wait_s("10.0.1.1") == 60
    now = 61.0
    assert lockout.wait_s("10.0.1.1") == 0


def test_tries_sent_together_are_no_more_tries_and_keep_nobody_busy() -> None:
    lockout = Lockout(lambda: 0.0)
    lockout.succeeded("10.0.0.7", "ada")
    with ExitStack() as undecided:
        waits = [undecided.enter_context(lockout.trying("10.6.6.6", "ada")) for _ in range(30)]
        assert waits == [0.0] * 5 + [2.0] * 25
        for number in range(3):
            assert undecided.enter_context(lockout.trying(f"10.6.7.{number}")) == 0
        assert undecided.enter_context(lockout.trying("10.6.8.1")) > 0, "enough are looked at"
        assert undecided.enter_context(lockout.trying("10.0.0.7", "ada")) == 0
    with lockout.trying("10.6.6.6", "ada") as wait_s:
        assert wait_s == 0, "none of them was found wrong"


@pytest.mark.parametrize("path", ["/login", "/setup"])
@pytest.mark.usefixtures("ada")
def test_getting_in_needs_the_token_of_its_own_page(
    stranger: TestClient, backend: Backend, clock: Clock, path: str
) -> None:
    code = backend.people.logins.new_code(clock.now())
    form = {"actor": "Ada", "code": code, "password": PASSWORD}
    for csrf in (csrf_token(""), "0" * 64):
        assert stranger.post(path, data=form | {"csrf": csrf}).status_code == 403
    assert backend.people.logins.sessions(clock.now(), idle=timedelta(hours=1)) == []


def test_a_session_ends_after_the_shift(officer: TestClient, clock: Clock) -> None:
    assert officer.get("/").status_code == 200
    clock.ahead_s = 12 * 3600 + 60
    assert officer.get("/").status_code == 303


def test_a_session_ends_when_nothing_asks_for_an_hour(officer: TestClient, clock: Clock) -> None:
    for _ in range(3):
        clock.ahead_s += 50 * 60
        assert officer.get("/").status_code == 200
    clock.ahead_s += 61 * 60
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


@pytest.mark.usefixtures("ada")
def test_login_refusal_and_logout_are_in_the_audit(stranger: TestClient, plant: Plant) -> None:
    log_in(stranger, "wrong", "Mallory")
    log_in(stranger)
    stranger.post("/logout", data={"csrf": csrf_of(stranger.get("/").text)})
    assert verbs(plant)[-3:] == [("Mallory", "login_refused"), ("Ada", "login"), ("Ada", "logout")]


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
    assert stranger.get("/static/../setup").status_code == 200
