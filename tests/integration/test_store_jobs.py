"""Jobs and versions of the site file on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hazard.jobs import Job, JobKind, JobState
from hazard.site.versions import BY_HAND, SiteVersion
from hazard.store import Store
from hazard.store.operations import SaveJob, SaveSiteVersion

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def a_job(name: str, after_s: float = 0.0) -> Job:
    return Job(
        job_id=name,
        kind=JobKind.DRY_RUN,
        subject="about",
        actor="ada",
        message="waits for its turn",
        arguments={"hours": 1.5, "patch": {"rules": None}},
        created_at=NOW + timedelta(seconds=after_s),
    )


def a_version(number: int, sha: str) -> SiteVersion:
    return SiteVersion(
        version=number,
        node="edge-1",
        sha256=sha * 64,
        actor=BY_HAND,
        made_at=NOW + timedelta(minutes=number),
        text=f"version: 1  # {number}\n",
    )


def save(store: Store, *operations: SaveJob | SaveSiteVersion) -> None:
    with store.unit() as unit:
        unit.add(*operations)
        unit.commit()


def test_a_job_goes_its_way_and_the_same_request_makes_no_second_one(store: Store) -> None:
    first, second = a_job("first"), a_job("second", 1.0)
    save(store, SaveJob(job=second), SaveJob(job=first))
    save(store, SaveJob(job=first))
    assert store.jobs.get("first") == first
    assert store.jobs.waiting() == 2
    begun = store.jobs.begin_next(NOW)
    assert begun is not None
    assert (begun.job_id, begun.state, begun.started_at) == ("first", JobState.RUNNING, NOW)
    assert begun.message == "", "it waits no longer"
    before = store.jobs.fingerprint()
    store.jobs.tell("first", 0.25, "a quarter")
    assert store.jobs.fingerprint() != before
    store.jobs.end("first", JobState.DONE, {"same": True}, "done", NOW)
    store.jobs.end("first", JobState.FAILED, {}, "too late", NOW)
    ended = store.jobs.get("first")
    assert ended is not None
    assert (ended.state, ended.result, ended.message) == (JobState.DONE, {"same": True}, "done")
    assert store.jobs.begin_next(NOW) is not None
    assert store.jobs.fail_running("stopped", NOW) == 1
    assert store.jobs.begin_next(NOW) is None
    assert [each.job_id for each in store.jobs.of_subject("about")] == ["second", "first"]
    assert [each.job_id for each in store.jobs.recent(kind="dry_run")] == ["second", "first"]
    assert store.jobs.recent(kind="weekly_report") == []


def test_versions_are_found_by_number_and_by_content(store: Store) -> None:
    assert store.versions.newest() is None
    versions = [a_version(1, "a"), a_version(2, "b"), a_version(3, "a")]
    for version in versions:
        save(store, SaveSiteVersion(version=version))
    save(store, SaveSiteVersion(version=a_version(2, "c")))
    assert store.versions.newest() == versions[2]
    assert store.versions.get(2) == versions[1]
    assert store.versions.get(4) is None
    assert store.versions.of_content("a" * 64) == versions[2]
    assert store.versions.of_content("c" * 64) is None
    assert [head.version for head in store.versions.heads(limit=2)] == [3, 2]
    assert [head.version for head in store.versions.heads(before=3)] == [2, 1]
