"""Escalation, first-out, re-alarm and the case beside an alarm, through a real core and store."""
# ruff: noqa: E731 - conditions to wait for are named by a lambda

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hazard.store.tables import NoticeRow
from hazard.types import CauseCode, IsaState, Notice, NoticeReason, ProcessCondition, Role, Verb
from tests.integration.core.node import Client, Node, a_site, run, until

OFFICER = Role.SAFETY_OFFICER


def notices(node: Node) -> list[Notice]:
    """Every notice that was queued, oldest first."""
    with node.store() as store, store._plain.connect() as connection:
        rows = connection.execute(select(NoticeRow.payload).order_by(NoticeRow.created_at))
        return [Notice.model_validate(payload) for payload in rows.scalars()]


def channel(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "webhook",
        "url": "http://127.0.0.1:9/",
        "secret": "${HAZARD_TEST_SECRET}",
        **changes,
    }


def told(node: Node) -> list[tuple[str, str, int]]:
    return [(each.channel, each.reason.value, each.step) for each in notices(node)]


async def done(node: Node, request_id: str) -> str:
    """Wait for the outcome; its text."""
    await until(lambda: node.outcome(request_id)[0] != "pending", "the outcome")
    state, text = node.outcome(request_id)
    assert state == "done", text
    return text


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_TEST_SECRET", "s" * 40)


def test_the_steps_of_the_ladder_are_told_one_after_the_other_until_somebody_acknowledges(
    node: Node,
) -> None:
    steps = [
        {"after_min": 0, "tell": ["shift"]},
        {"after_min": 0.02, "tell": ["chief", "plant"]},
        {"after_min": 60, "tell": ["fire-brigade"]},
    ]
    names = ("shift", "chief", "plant", "fire-brigade")
    node.write_site(
        a_site(
            notify={"channels": {name: channel() for name in names}},
            alarms={"escalation": [{"steps": steps}]},
        )
    )

    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")
            assert told(node)[0] == ("shift", "escalated", 0)
            await until(lambda: len(told(node)) >= 3, "the second step")
            await done(node, node.ask(Verb.ACKNOWLEDGE, alert.alert_id, alert.revision))
        before = notices(node)
        assert {(each.channel, each.step) for each in before} == {
            ("shift", 0),
            ("chief", 1),
            ("plant", 1),
        }
        assert all(each.reason is NoticeReason.ESCALATED for each in before)
        async with node.running(), Client.connected(node, "vision") as vision:
            number = vision.observe(person=True)
            await until(lambda: vision.acked >= number, "what the camera sees")
        assert notices(node) == before, "a restart tells nobody twice"

    run(test())


def test_without_a_ladder_every_channel_that_takes_it_is_told_in_the_alarms_own_transaction(
    node: Node,
) -> None:
    channels = {"all": channel(), "hall": channel(areas=["hall"])}
    node.write_site(a_site(notify={"channels": channels}))

    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")
            (notice,) = notices(node)
            assert (notice.channel, notice.reason) == ("all", NoticeReason.RAISED)
            assert (notice.alert_id, notice.revision) == (alert.alert_id, 1)

    run(test())


def test_nobody_is_told_of_what_is_suppressed_until_it_is_not(node: Node) -> None:
    node.write_site(a_site(notify={"channels": {"all": channel()}}))
    permit = {
        "permit": "confined_space",
        "hazard": "person_in_restricted_zone",
        "area": "yard",
        "zone": "pit",
    }

    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            ask = {"role": OFFICER, "comment": "inspection", "duration_s": 2.0}
            await done(node, node.ask(Verb.GRANT_PERMIT, "", 0, arguments=permit, **ask))
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")
            assert alert.suppressed_by
            assert notices(node) == []
            await until(lambda: notices(node), "the end of the permit")
            assert told(node) == [("all", "raised", 0)]
            assert not node.alerts()[0].suppressed_by

    run(test())


def test_an_acknowledged_alarm_that_stands_too_long_asks_and_tells_again(node: Node) -> None:
    handling = {"realarm_after_min": {"medium": 0.02, "low": 0.02, "high": 0.02}}
    node.write_site(a_site(notify={"channels": {"all": channel()}}, alarms=handling))

    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")
            await done(node, node.ask(Verb.ACKNOWLEDGE, alert.alert_id, alert.revision))
            again = lambda: node.alerts()[0].state is IsaState.UNACKNOWLEDGED
            await until(again, "the alarm that asks again")
            assert told(node)[:2] == [("all", "raised", 0), ("all", "realarm", 0)]

    run(test())


def test_the_alarm_that_came_first_is_named_by_those_that_follow_in_its_area(node: Node) -> None:
    async def test() -> None:
        async with node.running(), Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (first,) = await until(node.alerts, "the first alarm")
            assert first.first_out_alert_id == first.alert_id
            vision.report()
            second = lambda: [a for a in node.alerts() if a.hazard == "camera_offline"]
            (blind,) = await until(second, "the second alarm")
            assert blind.first_out_alert_id == first.alert_id

    run(test())


@pytest.mark.timeout(90)
def test_the_case_goes_on_and_is_closed_after_the_alarm_is_over(tmp_path: Path) -> None:
    site = a_site(policy={"incident_window_s": 0.5})
    site["rules"]["pit"]["clear_after_s"] = 0.1
    node = Node(tmp_path, site)

    async def test() -> None:
        async with node.running() as core, Client.connected(node, "vision") as vision:
            vision.observe(person=True)
            (alert,) = await until(node.alerts, "the alert")
            alert_id = alert.alert_id

            def current() -> Any:
                with node.store() as store:
                    return store.alert(alert_id).message

            def ask(verb: Verb, **more: Any) -> str:
                return node.ask(verb, alert_id, current().revision, role=OFFICER, **more)

            await done(node, ask(Verb.ASSIGN, arguments={"assignee": "ben"}))
            early = ask(Verb.CLOSE_CASE, arguments={"cause": "true_hazard"})
            await until(lambda: node.outcome(early)[0] == "refused", "an alarm that stands")

            def gone() -> bool:
                vision.observe(person=False)
                return current().condition is ProcessCondition.NORMAL

            await until(gone, "good evidence")
            for verb in (Verb.ACKNOWLEDGE, Verb.RESET):
                if current().state is not IsaState.NORMAL:
                    await done(node, ask(verb, comment="seen"))
            await until(lambda: core._alerts.case_of(alert_id) is None, "the end of the incident")
            assert current().state is IsaState.NORMAL

            due = (datetime.now(UTC) + timedelta(days=7)).isoformat()
            plan = {"text": "a gate", "owner": "ben", "due_at": due}
            asked = [ask(Verb.PLAN_ACTION, arguments=plan) for _ in range(2)]
            for each in asked:
                await done(node, each)
            actions = current().case.actions
            assert len({each.action_id for each in actions}) == 2, "one after the other"
            undone = ask(Verb.CLOSE_CASE, arguments={"cause": "true_hazard"})
            await until(lambda: node.outcome(undone)[0] == "refused", "open actions")
            for each in actions:
                arguments = {"action_id": each.action_id}
                await done(node, ask(Verb.COMPLETE_ACTION, arguments=arguments))
            await done(
                node,
                ask(Verb.CLOSE_CASE, comment="gate is up", arguments={"cause": "true_hazard"}),
            )
            case = current().case
            assert (case.cause, case.closed_by) == (CauseCode.TRUE_HAZARD, "ada")
            assert current().state is IsaState.NORMAL
            assert node.alerts() == [], "a case never brings its alarm back"
            late = ask(Verb.ACKNOWLEDGE)
            await until(lambda: node.outcome(late)[0] == "refused", "what is over")
            assert "nothing is left to do" in node.outcome(late)[1]
            with node.store() as store:
                detail = store.queries.get_alert(alert_id)
                assert store.verify_audit()[1] is None
            numbers = [each.revision for each in detail.revisions]
            assert numbers == list(range(1, len(numbers) + 1))
            assert any(line.details.get("verb") == "close-case" for line in detail.audit)

    try:
        run(test())
    finally:
        node.remove()


def test_a_test_of_lights_and_horns_goes_to_the_publisher_and_is_audited(node: Node) -> None:
    async def test() -> None:
        async with node.running():
            asked = node.ask(Verb.TEST_ANNUNCIATOR, "", 0, arguments={"area": "hall", "seconds": 1})
            long = node.ask(Verb.TEST_ANNUNCIATOR, "", 0, arguments={"area": "hall", "seconds": 99})
            await until(lambda: node.outcome(long)[0] == "refused", "too long a test")
            assert "seconds" in node.outcome(long)[1]
            await until(lambda: node.outcome(asked)[0] != "pending", "the test")
            with node.store() as store:
                verbs = [line.verb for line in store.queries.audit_page().lines]
            assert {"request.refused", f"request.{node.outcome(asked)[0]}"} <= set(verbs)

    run(test())
