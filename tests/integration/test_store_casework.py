"""Cases, notices and requests with roles, on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from hazard.alarms import on_note
from hazard.site.keeping import Retention
from hazard.store import Store
from hazard.store.operations import QueueNotice
from hazard.store.tables import CaseFileRow
from hazard.types import (
    CaseFile,
    Cause,
    CauseCode,
    CorrectiveAction,
    Notice,
    NoticeReason,
    RequestState,
    Role,
    Severity,
    Verb,
    Via,
)
from tests.alert_builders import T0, a_message, a_request, an_alarm, later, write_alert
from tests.integration.test_store import end_alert


def an_action(action_id: str = "c1", **changes: object) -> CorrectiveAction:
    values: dict[str, object] = {
        "action_id": action_id,
        "text": "mend the fence",
        "owner": "ben",
        "due_at": later(3600),
        "planned_by": "ada",
        "planned_at": T0,
    }
    return CorrectiveAction.model_validate(values | changes)


def write_case(store: Store, case: CaseFile, revision: int = 2) -> None:
    alarm = an_alarm()
    for _ in range(revision - 1):
        alarm = on_note(alarm, Cause.CASE, later(1), "case").alarm
    with store.unit() as unit:
        unit.write_revision(a_message(alarm, cause=Cause.CASE, case=case), alarm, actor="ada")
        unit.commit()


def case_rows(store: Store) -> list[CaseFileRow]:
    columns = CaseFileRow.__table__.columns
    with store._plain.connect() as connection:
        rows = connection.execute(select(columns)).mappings()
        return [CaseFileRow(**row) for row in rows]


def test_a_case_has_no_row_until_somebody_works_on_it(store: Store) -> None:
    write_alert(store)
    assert case_rows(store) == []
    write_case(store, CaseFile(assignee="ben"))
    (row,) = case_rows(store)
    assert (row.alert_id, row.assignee, row.closed_at, row.next_due_at) == ("a1", "ben", None, None)


def test_the_next_due_day_is_that_of_the_first_action_that_is_not_done(store: Store) -> None:
    write_alert(store)
    first, second = an_action(), an_action("c2", due_at=later(7200))
    write_case(store, CaseFile(assignee="ben", actions=(second, first)), 2)
    assert case_rows(store)[0].next_due_at == later(3600)
    done = an_action(done_at=later(10), done_by="ben")
    write_case(store, CaseFile(assignee="ben", actions=(second, done)), 3)
    assert case_rows(store)[0].next_due_at == later(7200)


def test_a_closed_case_reads_back_with_cause_and_note(store: Store) -> None:
    write_alert(store)
    case = CaseFile(
        assignee="ben",
        actions=(an_action(done_at=later(10), done_by="ben"),),
        cause=CauseCode.NUISANCE,
        closing_note="a cat",
        closed_by="ada",
        closed_at=later(20),
    )
    write_case(store, case)
    (row,) = case_rows(store)
    assert (row.cause, row.closed_at, row.next_due_at) == ("nuisance", later(20), None)
    assert CaseFile.model_validate(row.payload) == case
    detail = store.queries.get_alert("a1")
    assert detail is not None
    assert detail.current.case == case


def test_a_case_that_was_opened_again_reads_back_open(store: Store) -> None:
    write_alert(store)
    closed = CaseFile(cause=CauseCode.TEST, closed_by="ada", closed_at=later(20))
    write_case(store, closed, 2)
    write_case(store, CaseFile(), 3)
    (row,) = case_rows(store)
    assert (row.cause, row.closed_at, row.payload["closed_by"]) == (None, None, None)


def test_a_case_goes_with_its_alert_when_that_is_over_its_time(store: Store) -> None:
    write_alert(store, severity=Severity.LOW)
    write_case(store, CaseFile(assignee="ben"), 2)
    write_alert(store, 2)  # the alert with the node's highest number stays
    with store._durable.execution_options(writer=True).begin() as connection:
        connection.exec_driver_sql("UPDATE alert SET state = 'normal'")
    newest = store.queries.list_alerts().alerts[0].times.stored
    assert newest is not None
    pruned = store.bulk.prune(
        newest + timedelta(days=11),
        Retention(alerts_days=10),
        evidence_dir=Path("/nonexistent"),
        brokers=[],
    )
    assert pruned.alerts == 1
    assert case_rows(store) == []


# ---------------------------------------------------------------- notices


def a_notice(notice_id: str = "n1", **changes: object) -> Notice:
    values: dict[str, object] = {
        "notice_id": notice_id,
        "alert_id": "a1",
        "revision": 1,
        "channel": "shift",
        "reason": NoticeReason.RAISED,
        "created_at": T0,
    }
    return Notice.model_validate(values | changes)


def queue(store: Store, *notices: Notice) -> None:
    with store.unit() as unit:
        unit.add(*(QueueNotice(notice=notice) for notice in notices))
        unit.commit()


def test_a_notice_is_queued_once_and_due_with_its_alert(store: Store) -> None:
    message = write_alert(store)
    queue(store, a_notice())
    queue(store, a_notice(created_at=later(5)), a_notice("n2", channel="office"))
    (due,) = store.notices.due("shift", later(10), 10)
    assert (due.notice, due.attempts, due.message) == (a_notice(), 0, message)


def test_a_notice_that_failed_is_due_again_later_and_a_settled_one_never(store: Store) -> None:
    write_alert(store)
    queue(store, a_notice(), a_notice("n2"), a_notice("n3"))
    store.notices.not_sent(["n1"], "no route", next_attempt_at=later(60))
    store.notices.sent(["n2"], later(1))
    store.notices.not_sent(["n3"], "no such channel", next_attempt_at=None)
    assert store.notices.due("shift", later(59), 10) == []
    (again,) = store.notices.due("shift", later(60), 10)
    assert (again.notice.notice_id, again.attempts) == ("n1", 1)
    tally = store.notices.tally("shift", later(-1))
    assert (tally.pending, tally.failed) == (1, 1)
    assert store.notices.sent_since("shift", later(-1)) == 1
    assert store.notices.prune(later(1)) == 2


def test_a_sent_notice_that_comes_again_after_a_restart_is_not_sent_twice(store: Store) -> None:
    write_alert(store)
    queue(store, a_notice())
    store.notices.sent(["n1"], later(1))
    queue(store, a_notice())
    assert store.notices.due("shift", later(10), 10) == []


def test_a_notice_of_a_critical_alarm_is_due_before_all_that_wait_for_room(store: Store) -> None:
    write_alert(store)
    write_alert(store, 2, severity=Severity.CRITICAL)
    queue(store, *(a_notice(f"n{number}") for number in range(5)))
    queue(store, a_notice("test", alert_id="", reason=NoticeReason.TEST))
    queue(store, a_notice("last", alert_id="a2", created_at=later(9)))
    due = [each.notice.notice_id for each in store.notices.due("shift", later(10), 3)]
    assert due == ["last", "n0", "n1"]


def test_a_notice_is_due_although_the_clock_was_put_back(store: Store) -> None:
    write_alert(store)
    queue(store, a_notice(created_at=later(86_400)))
    assert len(store.notices.due("shift", T0, 10)) == 1


def test_notices_that_waited_in_the_journal_are_due_when_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "hazard.db"
    with Store.open(path, journal=tmp_path / "journal", commit_timeout_ms=50) as store:
        write_alert(store)
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        queue(store, a_notice())
        assert store.journal_waiting == 1
        lock.execute("ROLLBACK")
        lock.close()
        assert store.load_journal()
        assert len(store.notices.due("shift", later(10), 10)) == 1


# ---------------------------------------------------------------- requests with roles


def test_a_request_reads_back_with_role_areas_way_and_arguments(store: Store) -> None:
    request = a_request(
        Verb.ASSIGN,
        alert_id="",
        role=Role.SAFETY_OFFICER,
        areas=("yard", "hall"),
        via=Via.MQTT,
        arguments={"assignee": "ben", "zones": [1, 2], "nested": {"a": None}},
        comment="grüße, 你好",
    )
    store.desk.submit_request(request)
    assert store.pending_requests() == [request]


def test_the_outcome_of_a_request_has_values_for_a_program(store: Store) -> None:
    write_alert(store)
    store.desk.submit_request(a_request())
    with store.unit() as unit:
        unit.finish_request("r1", RequestState.REFUSED, "already acknowledged", later(3))
        unit.commit()
    status = store.queries.request_state("r1")
    assert status is not None
    assert (status.state, status.outcome) == (RequestState.REFUSED, "already acknowledged")
    assert store.pending_requests() == []
    again = store.desk.submit_request(a_request(Verb.SHELVE))
    assert (again.state, again.request.verb) == (RequestState.REFUSED, Verb.ACKNOWLEDGE)


def test_an_alert_that_ended_keeps_what_was_asked_of_it(store: Store) -> None:
    write_alert(store, severity=Severity.LOW)
    store.desk.submit_request(a_request())
    with store.unit() as unit:
        unit.finish_request("r1", RequestState.DONE, "acknowledged", later(3))
        unit.commit()
    end_alert(store)
    detail = store.queries.get_alert("a1")
    assert detail is not None
    assert [each.request.request_id for each in detail.requests] == ["r1"]
