"""The weekly report through the real core and the real process of the jobs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hazard.jobs import JobState
from hazard.reports.weeks import last_whole_week
from hazard.store.reports import read_file
from hazard.types import Verb
from tests.integration.core.node import Node, a_site, run, until

REPOSITORY = Path(__file__).parents[3]
SOON_S = 60.0


@contextlib.contextmanager
def jobs_of(node: Node) -> Iterator[None]:
    """The process of the jobs, as the supervisor starts it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_agent.launch", "jobs", "edge_agent.jobs"],
        env={**os.environ, **node.paths.environment()},
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(SOON_S)


def test_a_report_that_is_asked_for_is_made_and_kept(tmp_path: Path) -> None:
    node = Node(tmp_path, a_site(reasoning={"enabled": False}))

    async def test() -> None:
        async with node.running():
            with jobs_of(node):
                wanted = {"kind": "weekly_report", "language": "es"}
                request = node.ask(Verb.START_JOB, "", 0, arguments=wanted)
                await until(lambda: node.outcome(request)[0] == "done", "the job")
                with node.store() as store:
                    made = await until(store.reports.recent, "the report", SOON_S)
                    job = await until(
                        lambda: (one := store.jobs.get(made[0].report_id)) and one.over and one,
                        "its end",
                        SOON_S,
                    )
        report = made[0]
        assert job.state is JobState.DONE
        assert job.result["report_id"] == report.report_id
        assert (report.actor, report.language, report.scheduled) == ("ada", "es", False)
        assert report.monday == last_whole_week(datetime.now(UTC), "UTC")
        content = read_file(node.paths.reports, report.sha256)
        assert content.startswith(b"%PDF-")

    try:
        run(test())
    finally:
        node.remove()
