"""From findings to alert revisions, without a store: what would be written, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from edge_agent.core.alerts import Alerts
from edge_agent.core.cases import Case
from edge_agent.core.dispatch import CarryOut, Dispatcher
from edge_agent.core.guard import Guard
from edge_agent.core.revisions import Commit
from edge_agent.core.store_thread import StoreThread
from edge_agent.core.suppression import Register
from edge_agent.observe import Metrics
from edge_agent.publish.port import PublisherPort
from hazard.catalogue import catalogue
from hazard.site.models import Site
from hazard.store.operations import (
    FinishRequest,
    Operation,
    QueueNotice,
    SaveIncident,
    WriteAudit,
    WriteRevision,
)
from hazard.store.restore import OpenAlert
from hazard.store.store import Store
from hazard.triage.ladder import decide
from hazard.types import (
    ActionRequest,
    AlertMessage,
    Authority,
    Cause,
    Condition,
    DecidedBy,
    Evidence,
    HazardEvent,
    Incident,
    IsaState,
    NoticeReason,
    RequestState,
    Role,
    Severity,
    Verb,
    Via,
    Words,
)
from tests.incidents import START, an_event, an_opinion, gas

SITE = Site.model_validate(
    {
        "site": {"id": "plant", "name": "Plant", "languages": ["en", "de"]},
        "areas": {"tank-farm": {"name": "Tank farm"}},
        "mqtt": {"embedded": True},
    }
)
PERMIT = {"permit": "hot_work", "hazard": "person_in_restricted_zone", "area": "tank-farm"}
WORDS = Words(summary={"en": "Look."}, actions={"en": ("Go.",)}, source="template")


class Nothing:
    """A store in which nothing is."""

    def alert(self, _alert_id: str) -> None:
        return None


class Thread:
    """Does at once what the store's thread does later."""

    def __init__(self, commit: Commit) -> None:
        self.commit = commit

    async def run(self, function: Callable[[], Any]) -> Any:
        return function()


class Bench:
    """Alerts with everything around it recorded."""

    def __init__(self) -> None:
        numbers = count(1)
        self.written: list[AlertMessage] = []
        self.operations: list[tuple[Operation, ...]] = []
        self.climbs: list[tuple[Case, int]] = []
        self.pictures: list[HazardEvent] = []
        self.last: dict[str, WriteRevision] = {}
        self.alerts = Alerts(
            SITE,
            catalogue(),
            new_id=lambda: f"id-{next(numbers)}",
            commit=self._commit,
            climb=lambda case: self.climbs.append((case, case.ladder)),
            picture=lambda _case, event: self.pictures.append(event),
            authority=lambda _hazard: Authority.DECIDE,
        )
        self.register = Register(
            SITE, catalogue(), commit=self._commit, new_id=lambda: f"order-{next(numbers)}"
        )
        self.alerts.settler.sources.append(self.register)

    def _commit(self, operations: tuple[Operation, ...]) -> None:
        self.operations.append(operations)
        for operation in operations:
            if isinstance(operation, WriteRevision):
                self.written.append(operation.message)
                self.last[operation.message.alert_id] = operation

    def incidents(self) -> dict[str, Incident]:
        saved = [o.incident for ops in self.operations for o in ops if isinstance(o, SaveIncident)]
        return {incident.incident_id: incident for incident in saved}

    def outcomes(self) -> list[FinishRequest]:
        return [o for ops in self.operations for o in ops if isinstance(o, FinishRequest)]

    def ask(self, verb: Verb, revision: int, alert_id: str | None = None, **more: Any) -> None:
        request = ActionRequest(
            request_id=f"r-{len(self.operations)}",
            alert_id=alert_id or self.written[-1].alert_id,
            verb=verb,
            actor="ada",
            expected_revision=revision,
            requested_at=datetime.now(UTC),
            **more,
        )

        async def carried_out() -> None:
            dispatcher = Dispatcher(
                self.alerts,
                self.register,
                store=cast("Store", Nothing()),
                thread=cast("StoreThread", Thread(self._commit)),
                publisher=cast("PublisherPort", None),
                guard=Guard(Metrics()),
                change_site=cast("CarryOut", None),
                jobs=cast("CarryOut", None),
            )
            dispatcher.carry_out(request)
            await dispatcher.stop()

        asyncio.run(carried_out())


@pytest.fixture
def bench() -> Bench:
    return Bench()


def cleared(event: HazardEvent) -> HazardEvent:
    later = event.updated_at + timedelta(seconds=5)
    return event.model_copy(
        update={"condition": Condition.CLEARED, "updated_at": later, "ended_at": later}
    )


def test_the_first_revision_is_written_at_once_with_the_policys_default(bench: Bench) -> None:
    bench.alerts.found(an_event())
    (first,) = bench.written
    assert (first.revision, first.cause, first.decided_by) == (1, Cause.RAISED, DecidedBy.POLICY)
    assert first.severity is first.default
    assert bench.climbs
    assert bench.pictures


def test_a_decision_and_words_are_revisions_two_and_three(bench: Bench) -> None:
    bench.alerts.found(an_event())
    case, number = bench.climbs[-1]
    opinion = an_opinion(Severity.CRITICAL)
    assessment = decide("id-1", case.verdict, opinion, Authority.DECIDE, datetime.now(UTC))
    assert bench.alerts.decided(case, number, assessment)
    bench.alerts.worded(case, number, WORDS)
    second, third = bench.written[1:]
    assert (second.revision, second.cause, second.decided_by) == (2, Cause.DECIDED, DecidedBy.MODEL)
    assert second.severity is Severity.CRITICAL
    assert second.times.decided is not None
    assert (third.revision, third.cause, third.words) == (3, Cause.WORDS, WORDS)


def test_an_answer_to_an_older_question_changes_nothing(bench: Bench) -> None:
    bench.alerts.found(gas())
    case, number = bench.climbs[-1]
    stale = decide("x", case.verdict, an_opinion(Severity.LOW), Authority.DECIDE, START)
    bench.alerts.found(gas(value=120.0, level="idlh", updated_at=START + timedelta(seconds=9)))
    before = len(bench.written)
    assert not bench.alerts.decided(case, number, stale)
    assert len(bench.written) == before
    assert bench.written[-1].severity is Severity.CRITICAL


def test_a_higher_level_raises_the_severity_at_once_and_asks_for_acknowledgement_again(
    bench: Bench,
) -> None:
    bench.alerts.found(gas())
    bench.ask(Verb.ACKNOWLEDGE, 1)
    assert bench.written[-1].acknowledged
    bench.alerts.found(gas(value=120.0, level="idlh", updated_at=START + timedelta(seconds=9)))
    last = bench.written[-1]
    assert last.severity is Severity.CRITICAL
    assert last.cause is Cause.EVENT
    assert not last.acknowledged


def test_gas_and_people_of_one_area_are_one_incident(bench: Bench) -> None:
    bench.alerts.found(gas())
    bench.alerts.found(
        an_event(
            "toxic_gas_exposure",
            event_id="exposure",
            rule_id="exposure",
            subject="h2s-1",
            occupied=True,
            sources=("h2s-1", "gate-1"),
        )
    )
    assert len({message.alert_id for message in bench.written}) == 1
    last = bench.written[-1]
    assert {event.hazard for event in last.events} == {"toxic_gas", "toxic_gas_exposure"}
    assert last.severity is Severity.CRITICAL
    assert last.hazard == "toxic_gas_exposure"


def test_a_high_alarm_stays_latched_until_it_is_acknowledged_and_reset(bench: Bench) -> None:
    event = gas(value=20.0, level="high")
    bench.alerts.found(event)
    bench.alerts.found(cleared(event))
    assert bench.written[-1].state is IsaState.LATCHED_UNACKNOWLEDGED
    bench.ask(Verb.ACKNOWLEDGE, bench.written[-1].revision, comment="seen")
    assert bench.written[-1].state is IsaState.LATCHED_ACKNOWLEDGED
    bench.ask(Verb.RESET, bench.written[-1].revision)
    assert bench.written[-1].state is IsaState.NORMAL
    assert [outcome.state for outcome in bench.outcomes()] == [RequestState.DONE] * 2


def test_an_acknowledgement_of_what_was_not_seen_is_a_conflict(bench: Bench) -> None:
    bench.alerts.found(gas())
    bench.alerts.found(gas(value=120.0, level="idlh", updated_at=START + timedelta(seconds=9)))
    bench.ask(Verb.ACKNOWLEDGE, 1)
    assert bench.outcomes()[-1].state is RequestState.CONFLICT
    assert not bench.written[-1].acknowledged


def test_an_unknown_alert_is_refused_with_a_reason(bench: Bench) -> None:
    bench.alerts.found(gas())
    bench.ask(Verb.ACKNOWLEDGE, 1, alert_id="nobody")
    assert bench.outcomes()[-1].state is RequestState.REFUSED
    assert bench.outcomes()[-1].outcome


def test_a_picture_joins_the_next_revision(bench: Bench) -> None:
    bench.alerts.found(an_event())
    evidence = Evidence(
        evidence_id="a" * 64,
        kind="snapshot",
        media_type="image/jpeg",
        size_bytes=10,
        source="gate-1",
        captured_at=START,
        width_px=8,
        height_px=8,
    )
    bench.alerts.evidence(bench.written[0].incident_id, evidence)
    case, number = bench.climbs[-1]
    bench.alerts.worded(case, number, WORDS)
    assert bench.written[-1].evidence == (evidence,)
    assert len(bench.written) == 2


def test_after_a_restart_the_same_alert_goes_on_with_its_next_revision(bench: Bench) -> None:
    event = gas(value=20.0, level="high")
    bench.alerts.found(event)
    stored = bench.last[bench.written[0].alert_id]
    again = Bench()
    again.alerts.resume(
        [OpenAlert(message=stored.message, alarm=stored.alarm)], bench.incidents().values()
    )
    assert again.climbs, "words were missing: the ladder goes on"
    again.alerts.found(cleared(event))
    (following,) = again.written
    assert following.alert_id == stored.message.alert_id
    assert following.revision == stored.message.revision + 1
    assert following.state is IsaState.LATCHED_UNACKNOWLEDGED


def test_an_incident_that_ended_before_a_restart_is_closed_and_a_repeat_is_a_new_alert(
    bench: Bench,
) -> None:
    over = Incident(
        incident_id="old",
        area="tank-farm",
        opened_at=START,
        updated_at=START,
        hazard="toxic_gas",
        events=(cleared(gas()),),
    )
    bench.alerts.resume([], [over])
    assert bench.incidents()["old"].closed_at is not None
    bench.alerts.found(gas())
    assert bench.written[0].incident_id != "old"
    assert bench.written[0].revision == 1


def test_words_and_evidence_never_make_a_seen_alarm_unacknowledged(bench: Bench) -> None:
    bench.alerts.found(gas())
    bench.ask(Verb.ACKNOWLEDGE, 1)
    case, number = bench.climbs[-1]
    bench.alerts.worded(case, number, WORDS)
    assert bench.written[-1].acknowledged


def test_what_a_model_brought_down_is_not_undone_by_the_next_news_of_the_same(
    bench: Bench,
) -> None:
    bench.alerts.found(an_event())
    case, number = bench.climbs[-1]
    lower = Severity.from_rank(case.verdict.floor.rank)
    opinion = an_opinion(lower)
    assessment = decide("id-1", case.verdict, opinion, Authority.DECIDE, datetime.now(UTC))
    bench.alerts.decided(case, number, assessment)
    decided = bench.written[-1].severity
    assert decided < bench.written[0].default
    bench.alerts.found(an_event(confidence=0.9, updated_at=START + timedelta(seconds=9)))
    assert bench.written[-1].severity is decided
    assert len(bench.climbs) == 1


def test_a_higher_floor_asks_again_so_that_no_old_answer_goes_below_it(bench: Bench) -> None:
    bench.alerts.found(gas())
    case, number = bench.climbs[-1]
    floor = {"toxic_gas": {"floor": "critical"}}
    bench.alerts.reconfigure(
        Site.model_validate(SITE.model_dump(mode="json") | {"policy": {"kinds": floor}})
    )
    assert case.ladder > number
    assert bench.written[-1].floor is Severity.CRITICAL


def test_a_milder_policy_leaves_what_stands_as_it_is(bench: Bench) -> None:
    bench.alerts.found(gas())
    before = bench.written[-1]
    mild = {"toxic_gas": {"floor": "low", "default": "low", "levels": {"alarm": "low"}}}
    bench.alerts.reconfigure(
        Site.model_validate(SITE.model_dump(mode="json") | {"policy": {"kinds": mild}})
    )
    assert bench.written[-1] is before


def test_the_end_of_what_no_alarm_knows_raises_none(bench: Bench) -> None:
    bench.alerts.found(cleared(gas()))
    assert bench.written == []
    assert len(bench.incidents()) == 1


def test_a_stricter_policy_that_came_while_the_agent_was_down_applies_at_the_start(
    bench: Bench,
) -> None:
    bench.alerts.found(gas())
    stored = bench.last[bench.written[0].alert_id]
    strict = {"toxic_gas": {"floor": "critical", "default": "critical"}}
    again = Bench()
    again.alerts.site = Site.model_validate(
        SITE.model_dump(mode="json") | {"policy": {"kinds": strict}}
    )
    again.alerts.resume(
        [OpenAlert(message=stored.message, alarm=stored.alarm)], bench.incidents().values()
    )
    (raised,) = again.written
    assert raised.severity is Severity.CRITICAL
    assert raised.revision == stored.message.revision + 1


def test_nobody_shelves_for_longer_than_the_site_allows(bench: Bench) -> None:
    bench.alerts.found(an_event())
    bench.alerts.reconfigure(
        Site.model_validate(SITE.model_dump(mode="json") | {"alarms": {"longest_shelf_h": 1}})
    )
    bench.ask(Verb.SHELVE, 1, comment="known", duration_s=2 * 3600)
    assert bench.outcomes()[-1].state is RequestState.REFUSED
    bench.ask(Verb.SHELVE, 1, comment="known", duration_s=1800)
    assert bench.outcomes()[-1].state is RequestState.DONE
    assert bench.outcomes()[-1].values["revision"] == bench.written[-1].revision


def test_a_refusal_says_in_the_audit_who_asked_for_what_as_what_and_which_way(
    bench: Bench,
) -> None:
    bench.alerts.found(an_event())
    bench.ask(Verb.ACKNOWLEDGE, 1, role=Role.VIEWER, via=Via.MQTT)
    (line,) = [o for ops in bench.operations for o in ops if isinstance(o, WriteAudit)]
    assert (line.actor, line.verb, line.subject) == (
        "ada",
        "request.refused",
        bench.written[0].alert_id,
    )
    asked = {key: line.details[key] for key in ("verb", "role", "via")}
    assert asked == {"verb": "acknowledge", "role": "viewer", "via": "mqtt"}
    assert not bench.written[-1].acknowledged


def test_an_action_is_audited_with_the_actors_role_and_the_way_it_came(bench: Bench) -> None:
    bench.alerts.found(an_event())
    bench.ask(Verb.ACKNOWLEDGE, 1, role=Role.SAFETY_OFFICER, via=Via.MQTT)
    write = bench.last[bench.written[0].alert_id]
    assert write.actor == "ada"
    assert (write.details["role"], write.details["via"]) == ("safety_officer", "mqtt")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"comment": ""}, "comment"),
        ({"duration_s": None}, "duration_s"),
        ({"duration_s": 1e300}, "duration_s"),
        ({"duration_s": 25 * 3600.0}, "duration_s"),
        ({"arguments": PERMIT | {"hazard": "toxic_gas_exposure"}}, "never suppressed"),
        ({"arguments": PERMIT | {"hazard": "nonsense"}}, "nonsense"),
        ({"arguments": PERMIT | {"area": "nowhere"}}, "nowhere"),
        ({"arguments": PERMIT | {"zone": "nowhere"}}, "nowhere"),
        ({"arguments": PERMIT | {"permit": "picnic"}}, "picnic"),
        ({"areas": ("elsewhere",)}, "tank-farm"),
        ({"role": Role.OPERATOR}, "safety_officer"),
    ],
)
def test_a_permit_that_must_not_be_is_refused_with_what_is_wrong(
    bench: Bench, more: dict[str, Any], told: str
) -> None:
    asked = {
        "role": Role.SAFETY_OFFICER,
        "comment": "welding",
        "duration_s": 3600.0,
        "arguments": PERMIT,
    }
    bench.ask(Verb.GRANT_PERMIT, 0, alert_id="none", **(asked | more))
    assert bench.outcomes()[-1].state is RequestState.REFUSED
    assert told in bench.outcomes()[-1].outcome
    bench.alerts.found(an_event())
    assert bench.written[0].state is IsaState.UNACKNOWLEDGED


def test_a_permit_quiets_what_stands_already_in_the_same_breath(bench: Bench) -> None:
    bench.alerts.found(an_event())
    bench.ask(
        Verb.GRANT_PERMIT,
        0,
        alert_id="none",
        role=Role.SAFETY_OFFICER,
        comment="welding",
        duration_s=3600.0,
        arguments=PERMIT,
    )
    order_id = bench.outcomes()[-1].values["order_id"]
    assert [note.order_id for note in bench.written[-1].suppressed_by] == [order_id]
    assert bench.written[-1].cause is Cause.SUPPRESSION


def test_each_revision_is_a_line_of_the_log_that_names_its_alert(bench: Bench) -> None:
    with capture_logs() as lines:
        bench.alerts.found(an_event())
    (line,) = [each for each in lines if each["event"] == "alert.revision"]
    first = bench.written[0]
    assert (line["alert_id"], line["incident_id"]) == (first.alert_id, first.incident_id)
    told = (line["revision"], line["severity"], line["state"], line["cause"], line["log_level"])
    assert told == (1, first.severity.value, "unacknowledged", "raised", "info")


def test_what_is_done_for_an_alert_is_logged_with_its_ids(bench: Bench) -> None:
    known: list[dict[str, Any]] = []
    bench.alerts._climb = lambda _case: known.append(dict(get_contextvars()))
    bench.alerts.found(an_event())
    assert known[0]["alert_id"] == bench.written[0].alert_id
    assert known[0]["incident_id"] == bench.written[0].incident_id
    assert "alert_id" not in get_contextvars()


def test_a_ladder_that_a_changed_site_file_brings_is_climbed_at_once(bench: Bench) -> None:
    bench.alerts.found(an_event())
    channel = {"kind": "webhook", "url": "http://127.0.0.1/", "secret": "${SECRET}"}
    changed = {
        "alarms": {"escalation": [{"steps": [{"after_min": 0, "tell": ["shift"]}]}]},
        "notify": {"channels": {"shift": channel}},
    }
    bench.alerts.reconfigure(Site.model_validate(SITE.model_dump(mode="json") | changed))
    (notice,) = [o.notice for ops in bench.operations for o in ops if isinstance(o, QueueNotice)]
    assert (notice.channel, notice.reason) == ("shift", NoticeReason.ESCALATED)
    assert notice.revision == bench.written[-1].revision


def test_who_may_end_no_order_is_not_told_which_orders_there_are(bench: Bench) -> None:
    arguments = {"order_id": "order-1"}
    bench.ask(Verb.END_SUPPRESSION, 0, "none", role=Role.VIEWER, arguments=arguments)
    assert "is not for ada as viewer" in bench.outcomes()[-1].outcome


def told(bench: Bench) -> list[tuple[str, NoticeReason]]:
    notices = [o.notice for ops in bench.operations for o in ops if isinstance(o, QueueNotice)]
    return [(each.channel, each.reason) for each in notices]


def with_ladder(*steps: tuple[float, str], **ladder: Any) -> Site:
    channel = {"kind": "webhook", "url": "http://127.0.0.1/", "secret": "${SECRET}"}
    told = [{"after_min": after_min, "tell": [name]} for after_min, name in steps]
    changed = {
        "alarms": {"escalation": [{"steps": told, **ladder}]},
        "notify": {"channels": {"shift": channel, "chief": channel}},
    }
    return Site.model_validate(SITE.model_dump(mode="json") | changed)


def test_an_alarm_that_no_ladder_fits_any_more_is_told_to_all_that_were_not_told(
    bench: Bench,
) -> None:
    bench.alerts.reconfigure(with_ladder((0, "shift"), (10, "chief")))
    bench.alerts.found(an_event())
    assert told(bench) == [("shift", NoticeReason.ESCALATED)]
    bench.alerts.reconfigure(with_ladder((0, "shift"), severities=["critical"]))
    assert told(bench)[1:] == [("chief", NoticeReason.ESCALATED)]
    bench.alerts.tick(datetime.now(UTC))
    assert len(told(bench)) == 2


def test_an_alarm_whose_ladder_is_gone_before_its_first_step_is_told_to_all(bench: Bench) -> None:
    bench.alerts.reconfigure(with_ladder((10, "chief")))
    bench.alerts.found(an_event())
    assert told(bench) == []
    without = with_ladder((10, "chief")).model_copy(update={"alarms": SITE.alarms})
    for _ in range(2):
        bench.alerts.reconfigure(without)
        assert [name for name, _ in told(bench)] == ["shift", "chief"]


def test_an_alarm_that_comes_off_its_shelf_is_told_from_the_foot_of_its_ladder(
    bench: Bench,
) -> None:
    bench.alerts.reconfigure(with_ladder((0, "shift")))
    bench.alerts.found(an_event())
    bench.ask(Verb.SHELVE, 2, comment="noise", duration_s=60.0)
    assert len(told(bench)) == 1
    for minutes in (2, 3):
        bench.alerts.tick(datetime.now(UTC) + timedelta(minutes=minutes))
        assert [name for name, _ in told(bench)] == ["shift", "shift"]


def test_the_next_ladder_tells_its_own_people_and_repeats_nobody(bench: Bench) -> None:
    bench.alerts.reconfigure(with_ladder((0, "shift")))
    bench.alerts.found(an_event())
    site = with_ladder((0, "shift"))
    both = site.alarms.escalation[0].steps[0].model_copy(update={"tell": ("shift", "chief")})
    ladder = site.alarms.escalation[0].model_copy(update={"steps": (both,)})
    alarms = site.alarms.model_copy(update={"escalation": (ladder,)})
    bench.alerts.reconfigure(site.model_copy(update={"alarms": alarms}))
    bench.alerts.tick(datetime.now(UTC))
    assert [name for name, _ in told(bench)] == ["shift", "chief"]


def test_an_alarm_told_without_a_ladder_is_told_once(bench: Bench) -> None:
    bench.alerts.reconfigure(with_ladder((0, "shift"), severities=["critical"]))
    bench.alerts.found(an_event())
    bench.alerts.tick(datetime.now(UTC))
    assert told(bench) == [("shift", NoticeReason.RAISED), ("chief", NoticeReason.RAISED)]


def test_a_permit_covers_only_what_it_names_and_a_worse_kind_breaks_out_at_once(
    bench: Bench,
) -> None:
    bench.ask(
        Verb.GRANT_PERMIT,
        0,
        alert_id="none",
        role=Role.SAFETY_OFFICER,
        comment="calibration",
        duration_s=3600.0,
        arguments=PERMIT | {"hazard": "toxic_gas"},
    )
    bench.alerts.found(gas())
    assert bench.written[0].state is IsaState.SUPPRESSED_BY_DESIGN
    bench.alerts.found(an_event("fire", event_id="fire", rule_id="fire", subject="fire"))
    assert bench.written[-1].hazard == "fire"
    assert bench.written[-1].state is IsaState.UNACKNOWLEDGED
    before = len(bench.operations)
    bench.alerts.found(gas(value=120.0, level="idlh", updated_at=START + timedelta(seconds=9)))
    (together,) = bench.operations[before:]
    states = [o.message.state for o in together if isinstance(o, WriteRevision)]
    assert states[-1] is IsaState.UNACKNOWLEDGED
