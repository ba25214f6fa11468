"""The weekly report from its schedule to the officer's mailbox."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from edge_agent.jobs.registry import JobRun
from edge_agent.jobs.weekly import due, run
from edge_agent.notify.sender import Sender
from edge_agent.paths import Paths
from hazard.errors import HazardError
from hazard.jobs import Job, JobKind, JobState
from hazard.reports.weeks import WEEKDAYS, due_since, last_whole_week
from hazard.site.loader import load_site
from hazard.site.models import Site
from hazard.store.reports import read_file
from hazard.types import NoticeState
from tests.integration.notify.receivers import Post, Receiver, post_office, receiver
from tests.plant import Plant

EXTRA = """
reports:
  weekly: {day: sunday, at: "02:30", language: fr, channels: [mail, hook]}
notify:
  channels:
    mail: {kind: apprise, url: "${MAIL_URL}", language: de}
    hook: {kind: webhook, url: "HOOK", secret: "${HOOK_SECRET}"}
"""


@pytest.fixture
def post() -> Iterator[Post]:
    with post_office() as office:
        yield office


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as state:
        yield state


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    built = Plant(tmp_path)
    yield built
    built.close()


@pytest.fixture
def site(plant: Plant, post: Post, hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> Site:
    address = f"mailto://127.0.0.1:{post.port}?from=box@plant.example&to=officer@plant.example"
    monkeypatch.setenv("MAIL_URL", f"{address}&mode=insecure")
    monkeypatch.setenv("HOOK_SECRET", "a secret of the test")
    text = plant.site_file.read_text(encoding="utf-8") + EXTRA.replace('"HOOK"', hook.url)
    plant.site_file.write_text(text, encoding="utf-8")
    return load_site(plant.site_file)


def do(plant: Plant, site: Site, job: Job) -> dict[str, Any]:
    """Do a job here, as its process does."""
    plant.store.jobs.add(job)
    plant.store.jobs.begin_next(datetime.now(UTC))
    told: list[float] = []
    paths = Paths(plant.site_file, plant.data_dir, plant.run_dir, plant.run_dir)
    result = run(JobRun(job, site, paths, plant.store, lambda at, _: told.append(at)))
    plant.store.jobs.end(job.job_id, JobState.DONE, result, "done", datetime.now(UTC))
    assert told == sorted(told)
    return result


def fail(plant: Plant, job: Job, at: datetime) -> None:
    """The job's process begins it, and cannot do it."""
    begun = plant.store.jobs.begin_next(at)
    assert begun is not None
    assert begun.job_id == job.job_id
    plant.store.jobs.end(job.job_id, JobState.FAILED, {}, "the disk is full", at)


def a_week_on(site: Site) -> datetime:
    """When the report of a week is due in which something was recorded."""
    config = site.reports.weekly
    assert config is not None
    return due_since(config, site.site.timezone, datetime.now(UTC) + timedelta(days=14))


def due_tonight(site: Site) -> Site:
    """The same site, whose report of the last week is due at the end of today."""
    config = site.reports.weekly
    assert config is not None
    today = datetime.now(ZoneInfo(site.site.timezone)).weekday()
    tonight = config.model_copy(update={"day": WEEKDAYS[today], "at": "23:59"})
    return site.model_copy(update={"reports": site.reports.model_copy(update={"weekly": tonight})})


def sender(plant: Plant, site: Site, channel: str) -> Sender:
    config = site.notify.channels[channel]
    return Sender(
        channel, config, plant.store.notices, lambda: site, reports=plant.data_dir / "reports"
    )


def test_the_report_is_made_once_a_week_and_comes_by_mail(
    plant: Plant, site: Site, post: Post, hook: Receiver
) -> None:
    plant.raise_alert()
    now = datetime.now(UTC)
    tonight = now.astimezone(ZoneInfo(site.site.timezone)).replace(hour=23, minute=59, second=30)
    assert due(due_tonight(site), plant.store, tonight) is None, "nothing was recorded last week"
    then = a_week_on(site)
    job = due(site, plant.store, then)
    assert job is not None
    assert job.job_id == f"weekly-{last_whole_week(then, 'Europe/Berlin')}-1"
    # The week that is due then is not over now: the last one is made in its place, whole.
    monday = last_whole_week(now, "Europe/Berlin")
    arguments = {**job.arguments, "week_of": monday.isoformat()}
    result = do(plant, site, job.model_copy(update={"arguments": arguments}))
    made = plant.store.reports.get(result["report_id"])
    assert made is not None
    assert made.scheduled
    assert plant.store.reports.was_scheduled(monday)
    assert [(each.channel, each.state) for each in made.sendings] == [
        ("hook", NoticeState.PENDING),
        ("mail", NoticeState.PENDING),
    ]
    content = read_file(plant.data_dir / "reports", made.sha256)
    first_page = PdfReader(io.BytesIO(content)).pages[0].extract_text()
    assert "Rapport de sécurité hebdomadaire" in first_page

    post.answers = ["451 the disk is full, come back later"]
    mail = sender(plant, site, "mail")
    mail.round(datetime.now(UTC))
    waiting = plant.store.reports.recent()[0].sendings[1]
    assert (waiting.state, waiting.attempts) == (NoticeState.PENDING, 1)
    assert "channel mail: not sent" in waiting.error
    assert post.came == []
    mail.round(datetime.now(UTC) + timedelta(seconds=30))
    sender(plant, site, "hook").round(datetime.now(UTC))
    taken = plant.store.reports.recent()[0].sendings
    assert [each.state for each in taken] == [NoticeState.SENT, NoticeState.SENT]
    assert len(post.came) == 1
    arrived = post.came[0]
    assert arrived["to"] == "officer@plant.example"
    assert arrived["subject"].startswith("Wöchentlicher Sicherheitsbericht - Demo plant")
    files = [part for part in arrived.walk() if part.get_filename()]
    assert [part.get_filename() for part in files] == [f"demo-{monday}-fr.pdf"]
    assert files[0].get_payload(decode=True) == content
    assert hook.bodies()[0]["notices"][0]["report"]["sha256"] == made.sha256
    mail.round(datetime.now(UTC) + timedelta(minutes=5))
    assert len(post.came) == 1


def test_a_missed_report_is_made_at_the_next_start_and_a_failed_one_again(
    plant: Plant, site: Site
) -> None:
    plant.raise_alert()
    late = a_week_on(site) + timedelta(days=14, hours=3)
    job = due(site, plant.store, late)
    assert job is not None
    newest = last_whole_week(late, "Europe/Berlin")
    assert job.arguments["week_of"] == newest.isoformat(), "of all that were missed the newest"
    plant.store.jobs.add(job)
    assert due(site, plant.store, late) is None, "it waits already"
    fail(plant, job, late)
    assert due(site, plant.store, late + timedelta(minutes=59)) is None
    again = due(site, plant.store, late + timedelta(minutes=60))
    assert again is not None
    assert again.job_id == f"weekly-{newest}-2"
    for number in range(2, 6):
        failed = job.model_copy(update={"job_id": f"weekly-{newest}-{number}"})
        plant.store.jobs.add(failed)
        fail(plant, failed, late)
    assert due(site, plant.store, late + timedelta(hours=9)) is None, "five times is enough"
    assert due(site, plant.store, late + timedelta(days=7)) is not None
    off = site.model_copy(update={"reports": site.reports.model_copy(update={"weekly": None})})
    assert due(off, plant.store, late + timedelta(days=7)) is None


def test_a_week_to_come_is_refused_the_present_one_counted_so_far_and_old_reports_go(
    plant: Plant, site: Site
) -> None:
    plant.raise_alert()
    now = datetime.now(UTC)
    wanted = Job(
        job_id="asked-1",
        kind=JobKind.WEEKLY_REPORT,
        actor="ada",
        arguments={"week_of": (now + timedelta(days=9)).date().isoformat(), "language": "it"},
        created_at=now,
    )
    with pytest.raises(HazardError, match="has not begun: the last whole one is"):
        do(plant, site, wanted)
    result = do(
        plant,
        site,
        wanted.model_copy(
            update={"job_id": "asked-2", "arguments": {"week_of": now.date().isoformat()}}
        ),
    )
    made = plant.store.reports.get(result["report_id"])
    assert made is not None
    assert (made.scheduled, made.actor, made.sendings) == (False, "ada", ())
    folder = plant.data_dir / "reports"
    assert [file.name for file in folder.iterdir()] == [f"{made.sha256}.pdf"]
    assert plant.store.reports.prune(now - timedelta(days=1), folder) == 0
    assert plant.store.reports.prune(now + timedelta(days=1), folder) == 1
    assert list(folder.iterdir()) == []
