"""The dashboard in this process, on a real store that a small plant has filled."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboard.app import create_app
from dashboard.backend import Backend, open_backend
from dashboard.passwords import Passwords
from dashboard.security import COOKIE
from dashboard.settings import SESSION_S, Settings
from hazard.types import Role
from tests.plant import Plant

HOST = "testserver.local"
"""Whose cookies the test client keeps."""


class Clock:
    """The application's clock: the real one, moved on by hand."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    def monotonic(self) -> float:
        return 1000.0 + self.ahead_s


def csrf_of(html: str) -> str:
    """The CSRF token of the first form of a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', html)
    assert found is not None, html[:500]
    return found.group(1)


def cheap_passwords() -> Passwords:
    """Argon2id with the least cost that it takes: tests hash often."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@contextlib.contextmanager
def application_of(plant: Plant) -> Iterator[tuple[FastAPI, Backend]]:
    """The application on a plant's store, for the tests of a module to share."""
    where = Settings(site_file=plant.site_file, data_dir=plant.data_dir, run_dir=plant.run_dir)
    backend = open_backend(plant.data_dir / "hazard.db")
    try:
        yield create_app(where, backend, passwords=cheap_passwords()), backend
    finally:
        backend.close()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    built = Plant(tmp_path)
    yield built
    built.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backend(plant: Plant) -> Iterator[Backend]:
    opened = open_backend(plant.data_dir / "hazard.db")
    yield opened
    opened.close()


@pytest.fixture
def app(plant: Plant, backend: Backend, clock: Clock) -> FastAPI:
    settings = Settings(
        site_file=plant.site_file, data_dir=plant.data_dir, run_dir=plant.run_dir, poll_s=0.02
    )
    return create_app(
        settings, backend, now=clock.now, clock=clock.monotonic, passwords=cheap_passwords()
    )


@pytest.fixture
def stranger(app: FastAPI) -> Iterator[TestClient]:
    """A browser that is not logged in."""
    with TestClient(app, follow_redirects=False, headers={"accept": "text/html"}) as client:
        yield client


class ClientAs(Protocol):
    """Gives a browser that has logged in as a new person."""

    def __call__(self, role: Role, areas: tuple[str, ...] = (), name: str = "") -> TestClient: ...


def session_of(
    backend: Backend, now: datetime, role: Role, areas: tuple[str, ...] = (), name: str = ""
) -> str:
    """The token of a new session of a new person."""
    called = name or " ".join((role.value, *areas))
    account = backend.people.accounts.create(called, role, areas, by="test", now=now)
    return backend.people.logins.open_session(account, now, lifetime=timedelta(seconds=SESSION_S))


@pytest.fixture
def officer(stranger: TestClient, backend: Backend, clock: Clock) -> TestClient:
    """A browser that has logged in as Ada, a safety officer."""
    token = session_of(backend, clock.now(), Role.SAFETY_OFFICER, name="Ada")
    stranger.cookies.set(COOKIE, token, domain=HOST)
    return stranger


@pytest.fixture
def client_as(app: FastAPI, backend: Backend, clock: Clock) -> ClientAs:
    """A function that logs a further browser in: `client_as(Role.OPERATOR, ("yard",))`."""

    def make(role: Role, areas: tuple[str, ...] = (), name: str = "") -> TestClient:
        client = TestClient(app, follow_redirects=False, headers={"accept": "text/html"})
        token = session_of(backend, clock.now(), role, areas, name)
        client.cookies.set(COOKIE, token, domain=HOST)
        return client

    return make
