"""The dashboard as a process of its own, on the store of a test's plant."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.plant import Plant

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN_S = 60


@dataclass
class Desk:
    """The running dashboard, and the one-time code that it printed."""

    process: subprocess.Popen[str]
    address: str
    code: str


@contextmanager
def running_dashboard(plant: Plant) -> Iterator[Desk]:
    """Start `python -m dashboard`, wait for its address, and end it afterwards."""
    variables = {
        "HAZARD_SITE_FILE": str(plant.site_file),
        "HAZARD_DATA_DIR": str(plant.data_dir),
        "HAZARD_RUN_DIR": str(plant.run_dir),
    }
    command = [sys.executable, "-m", "dashboard"]
    with subprocess.Popen(
        command, env=os.environ | variables, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], STARTS_WITHIN_S)[0]
            found = re.match(r"Dashboard: (\S+)  one-time code: (\S+)", process.stdout.readline())
            assert found is not None
            yield Desk(process, found.group(1), found.group(2))
        finally:
            process.kill()
