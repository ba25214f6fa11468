"""The dashboard in this process, on a real store that a small plant has filled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboard.app import create_app
from dashboard.auth import create_login_code
from dashboard.backend import Backend, open_backend
from dashboard.settings import Settings
from tests.plant import Plant


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
    return create_app(settings, backend, now=clock.now, clock=clock.monotonic)


@pytest.fixture
def stranger(app: FastAPI) -> Iterator[TestClient]:
    """A browser that is not logged in."""
    with TestClient(app, follow_redirects=False, headers={"accept": "text/html"}) as client:
        yield client


@pytest.fixture
def officer(stranger: TestClient, backend: Backend, clock: Clock) -> TestClient:
    """A browser that has logged in as Ada."""
    code = create_login_code(backend.desk, clock.now())
    page = stranger.get("/login")
    form = {"csrf": csrf_of(page.text), "actor": "Ada", "code": code}
    answer = stranger.post("/login", data=form)
    assert answer.status_code == 303
    return stranger
