"""The demo plant's floor plan: everything lies on it, and what people change stays."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from edge_agent.demo.floor_plan import ACTOR, hang_plan
from edge_agent.demo.plant import demo_site
from hazard.floor_plan import Places
from tests.plant import Plant


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    built = Plant(tmp_path)
    yield built
    built.close()


def test_everything_of_the_demo_plant_lies_on_its_plan(plant: Plant) -> None:
    hang_plan(plant.store)
    (plan,) = plant.store.plans.all()
    ports = {"broker_port": 1883, "dashboard_port": 8080, "metrics_port": 9464}
    site = demo_site(Path("vtest.avi"), loop=False, **ports)
    assert set(plan.places.areas) == set(site["areas"])
    assert set(plan.places.cameras) == set(site["cameras"])
    assert set(plan.places.sensors) == set(site["sensors"])
    picture = plant.store.plans.picture(plan.plan_id)
    assert picture is not None
    with Image.open(io.BytesIO(picture[0])) as image:
        assert image.size == (plan.width_px, plan.height_px)
    assert plan.changed_by == ACTOR


def test_a_plan_that_somebody_changed_is_left_alone(plant: Plant) -> None:
    hang_plan(plant.store)
    (plan,) = plant.store.plans.all()
    at = datetime.now(UTC)
    plant.store.plans.place(plan.plan_id, Places(), plan.changed_at, "Ada", at)
    hang_plan(plant.store)
    (kept,) = plant.store.plans.all()
    assert (kept.places, kept.changed_by) == (Places(), "Ada")
