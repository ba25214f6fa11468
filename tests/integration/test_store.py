"""The store on SQLite and PostgreSQL: all or nothing, numbered without gaps, readable again."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from hazard.alarms import on_action, on_condition
from hazard.errors import StoreError
from hazard.site.keeping import Retention
from hazard.store import Store
from hazard.store.outbox import Mark
from hazard.store.queries import AlertFilter
from hazard.types import (
    Assessment,
    Authority,
    Cause,
    DecidedBy,
    Health,
    IsaState,
    ProcessCondition,
    Quality,
    Reading,
    RequestState,
    Severity,
    StageHealth,
    Verb,
)
from tests.alert_builders import (
    T0,
    a_message,
    a_request,
    an_alarm,
    an_evidence,
    an_incident,
    later,
    plain_render,
    write_alert,
)


def end_alert(store: Store, number: int = 1) -> None:
    """Acknowledge, return and end a low alert that `write_alert` wrote."""
    alarm = an_alarm(f"a{number}", Severity.LOW)
    request = a_request(alert_id=alarm.alert_id)
    for transition in (on_action(alarm, request, later(1)),):
        alarm = transition.alarm
    alarm = on_condition(alarm, ProcessCondition.NORMAL, later(2)).alarm
    with store.unit() as unit:
        message = a_message(alarm, incident=f"i{number}", cause=Cause.CONDITION)
        unit.write_revision(message, alarm, actor="ada", text="acknowledged by ada")
        unit.commit()


def test_a_stored_alert_reads_back_as_it_was_written(store: Store) -> None:
    message = write_alert(store)
    detail = store.queries.get_alert("a1")
    assert detail is not None
    assert detail.current == message
    assert detail.revisions == (message,)
    assert detail.incident == an_incident("i1")
    assert message.times.stored is not None


def test_no_commit_is_no_change(store: Store) -> None:
    alarm = an_alarm()
    with store.unit() as unit:
        unit.save_incident(an_incident())
        unit.write_revision(a_message(alarm), alarm)
    assert store.queries.get_alert("a1") is None


def test_a_unit_that_breaks_the_schema_leaves_nothing_behind(store: Store) -> None:
    alarm = an_alarm()
    with store.unit() as unit:
        unit.audit(T0, "agent", "start", "core")
        unit.write_revision(a_message(alarm, incident="unknown"), alarm)
        with pytest.raises(StoreError, match="refused a row"):
            unit.commit()
    assert store.queries.audit_page().lines == ()
    assert store.outbox.read(0, 10) == []


def test_a_unit_is_committed_once(store: Store) -> None:
    with store.unit() as unit:
        unit.audit(T0, "agent", "start", "core")
        unit.commit()
        with pytest.raises(StoreError, match="committed already"):
            unit.commit()


def test_message_and_alarm_must_belong_together(store: Store) -> None:
    with store.unit() as unit, pytest.raises(ValueError, match="does not belong"):
        unit.write_revision(a_message(an_alarm()), an_alarm("a2"))


def test_the_sequence_has_no_gaps_when_two_threads_race(store: Store) -> None:
    barrier = threading.Barrier(2)

    def write(first: int) -> None:
        barrier.wait()
        for number in range(first, first + 10):
            write_alert(store, number)

    threads = [threading.Thread(target=write, args=(first,)) for first in (1, 101)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page = store.queries.list_alerts(limit=100)
    assert sorted(alert.sequence for alert in page.alerts) == list(range(1, 21))


def test_alert_outbox_and_audit_are_written_together(store: Store) -> None:
    message = write_alert(store)
    (item,) = store.outbox.read(0, 10)
    (line,) = store.queries.audit_page().lines
    assert (item.alert_id, item.revision, item.sequence) == ("a1", 1, message.sequence)
    assert (line.subject, line.verb, line.actor) == ("a1", "alert.raised", "agent")


def test_open_alerts_come_back_after_a_restart(store_address: str) -> None:
    with Store.open(store_address, render=plain_render) as first:
        message = write_alert(first, 1)
        write_alert(first, 2, severity=Severity.LOW)
        end_alert(first, 2)
    with Store.open(store_address, render=plain_render) as second:
        (found,) = second.open_alerts()
        assert found.message == message
        assert found.alarm == an_alarm()
        assert {each.incident_id for each in second.open_incidents()} == {"i1", "i2"}
        assert write_alert(second, 3).sequence == 4


def test_pages_show_every_alert_once(store: Store) -> None:
    for number in range(1, 8):
        write_alert(store, number)
    seen: list[str] = []
    page = store.queries.list_alerts(limit=3)
    seen += [alert.alert_id for alert in page.alerts]
    while page.next_page is not None:
        page = store.queries.list_alerts(page=page.next_page, limit=3)
        seen += [alert.alert_id for alert in page.alerts]
    assert sorted(seen) == [f"a{number}" for number in range(1, 8)]


def test_a_forged_page_is_refused_in_words(store: Store) -> None:
    for page in ("x", "WzEsMl0=", "bnVsbA=="):
        with pytest.raises(StoreError, match="start without it"):
            store.queries.list_alerts(page=page)


def test_alerts_are_filtered_by_what_they_are(store: Store) -> None:
    write_alert(store, 1, severity=Severity.CRITICAL)
    write_alert(store, 2, severity=Severity.LOW)
    end_alert(store, 2)
    write_alert(store, 3, area="dock")

    def ids(**where: object) -> set[str]:
        page = store.queries.list_alerts(AlertFilter(**where))
        return {alert.alert_id for alert in page.alerts}

    assert ids(active=True) == {"a1", "a3"}
    assert ids(active=False) == {"a2"}
    assert ids(areas=("dock",)) == {"a3"}
    assert ids(min_severity=Severity.CRITICAL) == {"a1"}
    assert ids(hazards=("fire",)) == set()
    assert ids(states=(IsaState.NORMAL,)) == {"a2"}
    assert ids(after=later(1)) == set()
    assert ids(before=later(1)) == {"a1", "a2", "a3"}
    assert store.queries.count_alerts() == 3


def test_counts_by_area_leave_out_what_ended(store: Store) -> None:
    write_alert(store, 1, severity=Severity.CRITICAL)
    write_alert(store, 2, severity=Severity.LOW)
    write_alert(store, 3, severity=Severity.LOW)
    end_alert(store, 3)
    counts = store.queries.active_counts_by_area()["yard"]
    assert counts.worst is Severity.CRITICAL
    assert counts.by_severity == {Severity.CRITICAL: 1, Severity.LOW: 1}
    assert counts.unacknowledged == 2


# ---------------------------------------------------------------- requests


def test_a_request_is_pending_until_the_core_has_carried_it_out(store: Store) -> None:
    write_alert(store)
    request = a_request(comment="on my way")
    assert store.desk.submit_request(request).state is RequestState.PENDING
    assert store.pending_requests() == [request]
    transition = on_action(an_alarm(), request, later(3))
    with store.unit() as unit:
        message = a_message(transition.alarm, cause=transition.cause)
        unit.write_revision(message, transition.alarm, actor="ada", text=transition.text)
        unit.finish_request("r1", RequestState.DONE, transition.text, later(3))
        unit.commit()
    status = store.queries.request_state("r1")
    assert status is not None
    assert (status.state, status.carried_out_at) == (RequestState.DONE, later(3))
    assert store.pending_requests() == []


def test_the_same_request_again_changes_nothing(store: Store) -> None:
    write_alert(store)
    store.desk.submit_request(a_request())
    again = store.desk.submit_request(a_request(Verb.SHELVE, comment="other"))
    assert again.request.verb is Verb.ACKNOWLEDGE
    assert len(store.pending_requests()) == 1


def test_a_request_for_no_alert_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="no alert 'a1'"):
        store.desk.submit_request(a_request())


# ---------------------------------------------------------------- login


# ---------------------------------------------------------------- audit


def test_the_audit_proves_that_nothing_was_changed(store: Store) -> None:
    for number in range(1, 4):
        write_alert(store, number)
    store.desk.audit(T0, "ada", "login", "dashboard", {"address": "127.0.0.1"})
    assert store.verify_audit() == (4, None)


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE audit SET actor = 'nobody' WHERE audit_id = 2",
        "DELETE FROM audit WHERE audit_id = 2",
    ],
)
def test_the_audit_shows_a_changed_or_missing_line(store: Store, tamper: str) -> None:
    for number in range(1, 4):
        write_alert(store, number)
    with store._durable.execution_options(writer=True).begin() as connection:
        connection.execute(text(tamper))
    _, fault = store.verify_audit()
    assert fault is not None
    assert "was changed" in fault


# ---------------------------------------------------------------- outbox, bulk, retention


def test_marks_move_the_cursor_and_show_when_a_broker_took_over(store: Store) -> None:
    write_alert(store)
    (item,) = store.outbox.read(0, 10)
    assert item.outbox_id is not None
    mark = Mark(item.outbox_id, later(1), later(2))
    store.outbox.mark("plant", [mark], item.outbox_id, later(2))
    store.outbox.mark("plant", [mark], item.outbox_id, later(3))
    assert store.outbox.position("plant") == item.outbox_id
    assert store.outbox.position("group") == 0
    assert store.outbox.first_acked_since("plant", later(0)) == item.outbox_id
    assert store.outbox.first_acked_since("plant", later(9)) is None
    detail = store.queries.get_alert("a1")
    assert detail is not None
    assert [(each.broker, each.attempts) for each in detail.deliveries] == [("plant", 2)]


def a_reading(at_s: float, quality: Quality = Quality.GOOD) -> Reading:
    return Reading(
        sensor_id="h2s-1",
        area="yard",
        quantity="h2s",
        value=4.0,
        unit="ppm",
        quality=quality,
        measured_at=later(at_s),
        received_at=later(at_s),
        received_monotonic_s=at_s,
    )


def test_readings_are_thinned_to_two_a_second(store: Store) -> None:
    written = store.bulk.record_readings([a_reading(step / 10) for step in range(20)])
    assert written == 4
    points = store.queries.readings_around(["h2s-1"], later(0.4), later(1.2))
    assert [point.measured_at for point in points] == [later(0.5), later(1.0)]


def test_a_change_of_quality_is_never_thinned_away(store: Store) -> None:
    readings = [a_reading(0.0), a_reading(0.1, Quality.BAD), a_reading(0.2)]
    assert store.bulk.record_readings(readings) == 3


def test_the_last_word_of_a_stage_replaces_the_one_before(store: Store) -> None:
    for health in (Health.STARTING, Health.READY):
        stage = StageHealth(stage="vision", health=health, at=T0, figures={"fps": 10.0})
        store.bulk.record_health("edge-1", [stage])
    (shown,) = store.queries.stage_health()
    assert (shown.stage, shown.health, shown.figures) == ("vision", Health.READY, {"fps": 10.0})


def test_evidence_goes_first_and_alerts_stay(store: Store, tmp_path: Path) -> None:
    write_alert(store, 1, severity=Severity.LOW)
    write_alert(store, 2)
    end_alert(store, 1)
    for number, incident in ((1, "i1"), (2, "i2")):
        evidence = an_evidence(number, size_bytes=20_000_000)
        path = tmp_path / evidence.evidence_id[:2] / f"{evidence.evidence_id}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"jpeg")
        with store.unit() as unit:
            unit.save_evidence(incident, evidence)
            unit.commit()
    retention = Retention(evidence_bytes=10_000_000)
    pruned = store.bulk.prune(later(60), retention, evidence_dir=tmp_path, brokers=["plant"])
    assert (pruned.evidence_files, pruned.alerts) == (1, 0)
    assert [path.stem for path in tmp_path.rglob("*.jpg")] == [an_evidence(2).evidence_id]
    assert store.queries.find_evidence(an_evidence(1).evidence_id) is None
    assert store.queries.find_evidence(an_evidence(2).evidence_id) is not None
    assert store.queries.count_alerts() == 2


def test_no_number_comes_again_when_the_newest_alerts_are_over_their_time(
    store: Store, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        write_alert(store, number, severity=Severity.LOW)
    for number in (2, 3):
        end_alert(store, number)
    newest = store.sequence
    much_later = datetime.now(UTC) + timedelta(days=10)
    retention = Retention(alerts_days=1)
    pruned = store.bulk.prune(much_later, retention, evidence_dir=tmp_path, brokers=["plant"])
    assert pruned.alerts == 1
    assert {each.alert_id for each in store.queries.list_alerts().alerts} == {"a1", "a3"}
    assert write_alert(store, 4).sequence == newest + 1
    end_alert(store, 4)
    store.bulk.prune(much_later, retention, evidence_dir=tmp_path, brokers=["plant"])
    assert {each.alert_id for each in store.queries.list_alerts().alerts} == {"a1", "a4"}


@dataclass
class Shelf:
    """Evidence of alerts that ended, one alert for each, in a folder."""

    store: Store
    folder: Path
    count: int = 0

    def add(
        self, kind: str, age_days: float, size_bytes: int = 1_000_000, *, ended: bool = True
    ) -> str:
        self.count += 1
        number = self.count
        write_alert(self.store, number, severity=Severity.LOW)
        evidence = an_evidence(
            number, size_bytes=size_bytes, kind=kind, captured_at=T0 - timedelta(days=age_days)
        )
        path = self.folder / evidence.evidence_id[:2] / f"{evidence.evidence_id}.bin"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"picture")
        with self.store.unit() as unit:
            unit.save_evidence(f"i{number}", evidence)
            unit.commit()
        if ended:
            end_alert(self.store, number)
        return evidence.evidence_id

    def prune(self, retention: Retention, free_bytes: int = 0) -> set[str]:
        self.store.bulk.prune(
            T0, retention, evidence_dir=self.folder, brokers=[], free_bytes=free_bytes
        )
        left = {path.stem for path in self.folder.rglob("*.bin")}
        known = {name for name in left if self.store.queries.find_evidence(name) is not None}
        assert known == left
        return left


@pytest.fixture
def shelf(store: Store, tmp_path: Path) -> Shelf:
    return Shelf(store, tmp_path / "evidence")


def test_each_kind_of_evidence_has_its_own_days(shelf: Shelf) -> None:
    old_clip, new_clip = shelf.add("clip", 8), shelf.add("clip", 6)
    old, new = shelf.add("snapshot", 31), shelf.add("snapshot", 29)
    left = shelf.prune(Retention(clip_days=7, snapshot_days=30))
    assert left == {new_clip, new}
    assert old_clip not in left
    assert old not in left


def test_each_kind_of_evidence_has_its_own_bytes_and_all_have_one_budget(shelf: Shelf) -> None:
    clips = [shelf.add("clip", age, 2_000_000) for age in (4, 3, 2)]
    pictures = [shelf.add("snapshot", age, 4_000_000) for age in (9, 8, 7)]
    assert shelf.prune(Retention(clip_bytes=4_000_000)) == {*clips[1:], *pictures}
    left = shelf.prune(Retention(evidence_bytes=10_000_000, clip_bytes=4_000_000))
    assert left == {*clips[1:], pictures[2]}


def test_on_a_full_disk_evidence_of_open_alerts_goes_after_all_other(shelf: Shelf) -> None:
    of_open = [shelf.add("snapshot", age, ended=False) for age in (30, 20)]
    others = [shelf.add("snapshot", age) for age in (3, 2)]
    assert shelf.prune(Retention(), free_bytes=1_000_000) == {*of_open, others[1]}
    assert shelf.prune(Retention(), free_bytes=2_000_000) == {of_open[1]}
    assert shelf.store.queries.count_alerts() == 4


def test_outbox_rows_go_only_when_old_and_handed_over_to_every_broker(store: Store) -> None:
    write_alert(store)
    (item,) = store.outbox.read(0, 10)
    assert item.outbox_id is not None
    created = item.created_at
    store.outbox.mark("plant", [], item.outbox_id, created)

    def prune(hours: float, brokers: list[str]) -> int:
        now = created + timedelta(hours=hours)
        folder = Path("/nonexistent")
        return store.bulk.prune(now, Retention(), evidence_dir=folder, brokers=brokers).outbox

    assert prune(25, ["plant", "group"]) == 0
    assert prune(23, ["plant"]) == 0
    assert prune(25, ["plant"]) == 1


def test_outbox_numbers_never_come_again_after_pruning(store: Store) -> None:
    write_alert(store, 1)
    (item,) = store.outbox.read(0, 10)
    assert item.outbox_id is not None
    store.outbox.mark("plant", [], item.outbox_id, item.created_at)
    later_on = item.created_at + timedelta(hours=25)
    store.bulk.prune(later_on, Retention(), evidence_dir=Path("/nonexistent"), brokers=["plant"])
    write_alert(store, 2)
    assert [each.alert_id for each in store.outbox.read(item.outbox_id, 10)] == ["a2"]


def test_old_alerts_that_ended_are_pruned_with_all_their_rows(store: Store) -> None:
    message = write_alert(store, 1, severity=Severity.LOW)
    end_alert(store, 1)
    write_alert(store, 2)
    assert message.times.stored is not None
    now = message.times.stored + timedelta(days=11)
    retention = Retention(alerts_days=10)
    pruned = store.bulk.prune(now, retention, evidence_dir=Path("/nonexistent"), brokers=[])
    assert pruned.alerts == 1
    assert store.queries.get_alert("a1") is None
    assert store.queries.get_alert("a2") is not None


def test_requests_that_were_refused_or_are_of_no_alert_are_known_for_a_week(store: Store) -> None:
    write_alert(store)
    kept = ("done", RequestState.DONE, "a1"), ("pending", None, "")
    gone = ("refused", RequestState.REFUSED, "a1"), ("snapshot", RequestState.DONE, "")
    for request_id, state, alert_id in (*kept, *gone):
        store.desk.submit_request(a_request(request_id=request_id, alert_id=alert_id))
        if state is not None:
            with store.unit() as unit:
                unit.finish_request(request_id, state, "so it is", T0)
                unit.commit()
    nowhere = Path("/nonexistent")

    def known() -> set[str]:
        names = [request_id for request_id, *_ in (*kept, *gone)]
        return {each for each in names if store.queries.request_state(each) is not None}

    store.bulk.prune(T0 + timedelta(days=6), Retention(), evidence_dir=nowhere, brokers=[])
    assert known() == {"done", "pending", "refused", "snapshot"}
    pruned = store.bulk.prune(T0 + timedelta(days=8), Retention(), evidence_dir=nowhere, brokers=[])
    assert (pruned.requests, known()) == (2, {"done", "pending"})


def test_the_detail_shows_assessments_and_evidence(store: Store) -> None:
    write_alert(store)
    assessment = Assessment(
        assessment_id="s1",
        incident_id="i1",
        severity=Severity.HIGH,
        floor=Severity.LOW,
        default=Severity.HIGH,
        decided_by=DecidedBy.FALLBACK,
        authority=Authority.ADVISE,
        reason="late",
        decided_at=later(2),
    )
    with store.unit() as unit:
        unit.save_assessment(assessment)
        unit.save_evidence("i1", an_evidence())
        unit.commit()
    detail = store.queries.get_alert("a1")
    assert detail is not None
    assert detail.assessments == (assessment,)
    assert detail.evidence == (an_evidence(),)


def test_one_picture_may_belong_to_two_incidents(store: Store) -> None:
    write_alert(store, 1)
    write_alert(store, 2)
    with store.unit() as unit:
        unit.save_evidence("i1", an_evidence())
        unit.save_evidence("i2", an_evidence())
        unit.commit()
    for alert_id in ("a1", "a2"):
        detail = store.queries.get_alert(alert_id)
        assert detail is not None
        assert len(detail.evidence) == 1


def test_data_version_changes_when_another_connection_writes(store_address: str) -> None:
    with (
        Store.open(store_address, render=plain_render) as reader,
        Store.open(store_address, render=plain_render) as writer,
    ):
        before = reader.data_version()
        write_alert(writer)
        assert reader.data_version() != before
