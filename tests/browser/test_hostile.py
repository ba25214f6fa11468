"""A hostile plant in a real browser: nothing of it runs, nothing of it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.settings import Settings
from hazard.types import Role
from tests.browser.desk import running_dashboard
from tests.browser.officer import chromium
from tests.browser.walker import Ground, walker
from tests.hostile import ATTACKS, fill
from tests.plant import Plant

pytestmark = pytest.mark.browser

TRAP = "window.xss = () => { window.ran = true; }; window.ran = false;"


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    plant = Plant(tmp_path)
    fill(plant)
    where = Settings(site_file=plant.site_file, data_dir=plant.data_dir, run_dir=plant.run_dir)
    with running_dashboard(plant) as desk:
        yield Ground(desk.address, where)
    plant.close()


def test_no_text_from_outside_runs_or_asks_for_anything(ground: Ground) -> None:
    known = ground.known()
    with chromium() as browser:
        session = ground.session_of(Role.ADMINISTRATOR)
        with walker(browser, ground, session) as walking:
            walking.page.add_init_script(TRAP)
            paths = [path for path, _, _ in ground.paths(known)]
            paths += [f"/alerts/alert-{number + 1}" for number in range(len(ATTACKS))]
            for path in dict.fromkeys(paths):
                assert walking.opens(path) < 500, path
                assert walking.page.evaluate("window.ran") is False, f"an attack ran on {path}"
            assert not [url for url in walking.requested if "xss-probe" in url]
            assert walking.faults == []
