"""What the page of one incident says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dashboard.spoken import sentences
from hazard.catalogue import catalogue
from hazard.jobs import Job, JobKind, JobState
from hazard.site.models import Policy
from hazard.store.jobs import insert_jobs
from hazard.triage.ladder import Failure, decide
from hazard.triage.policy import assess
from hazard.triage.replay import Difference, Replay
from hazard.triage.words import localised_actions
from hazard.types import (
    Authority,
    CaseFile,
    Cause,
    CauseCode,
    Citation,
    CorrectiveAction,
    Health,
    IsaState,
    Measured,
    ProcessCondition,
    Role,
    Severity,
    SuppressionCause,
    SuppressionNote,
    Track,
    Verb,
    Verdict,
    Words,
)
from tests.incidents import an_event, an_incident, an_opinion
from tests.pictures import stripes
from tests.plant import Plant
from tests.unit.dashboard.conftest import ClientAs, csrf_of
from tests.unit.dashboard.test_pages import text_of

VERDICT = Verdict(floor=Severity.MEDIUM, default=Severity.HIGH, why="w", policy_hash="p")
LANGUAGES = ("en", "fr", "de", "es", "it")


def person(track: int, *zones: str) -> Track:
    return Track(
        track_id=track,
        label="person",
        confidence=0.83,
        xyxy=(100, 200, 140, 300),
        foot=(0.15, 0.52),
        zones=zones,
    )


def page_of(client: TestClient, alert: str, language: str = "en") -> str:
    return text_of(client.get(f"/alerts/{alert}?lang={language}").text).replace("&#39;", "'")


# ---------------------------------------------------------------- what happened


@pytest.mark.parametrize("language", LANGUAGES)
def test_title_summary_and_actions_are_in_the_readers_language(
    officer: TestClient, plant: Plant, language: str
) -> None:
    alert = plant.raise_alert(hazard="crowding", area="yard")
    plant.add_words(alert)
    kind = catalogue()["crowding"]
    texts = {str(code): text for code, text in kind.name.items()}
    text = page_of(officer, alert, language)
    assert texts[language] in text
    assert {str(code): text for code, text in kind.description.items()}[language] in text
    action = {str(code): text for code, text in kind.actions[0].text.items()}[language]
    assert action in text


def test_a_language_that_the_site_has_not_gets_the_catalogues_text(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert()
    words = Words(summary={"en": "Written."}, actions={}, source="model", written=("en",))
    plant.revise(alert, Cause.WORDS, words=words)
    assert "Written. Text by the model" in page_of(officer, alert)
    italian = page_of(officer, alert, "it")
    assert "Written." not in italian.split("Perché questa gravità")[0]
    assert "Testo dal catalogo dei pericoli." in italian


def cited(plant: Plant, *citations: Citation | None, **changes: Any) -> str:
    """An alert whose first actions have these citations."""
    alert = plant.raise_alert()
    ids = tuple(action.id for action in catalogue()["toxic_gas"].actions)[: len(citations) or None]
    words = Words(
        summary={"en": "Toxic gas.", "de": "Giftiges Gas."},
        actions=localised_actions(ids, ("en", "de"), catalogue()),
        action_ids=ids,
        citations=citations,
        **({"source": "template"} | changes),
    )
    plant.revise(alert, Cause.WORDS, words=words)
    return alert


def test_an_action_stands_with_the_clause_of_the_sites_procedures(
    officer: TestClient, plant: Plant
) -> None:
    clause = Citation(
        document="gas.md",
        section="4.2 Gas <alarm>",
        quote="Leave crosswind & meet at <b>gate 3</b>.",
    )
    alert = cited(plant, clause, None, procedures="searched", actions_by="model")
    page = officer.get(f"/alerts/{alert}").text
    assert "<q>Leave crosswind &amp; meet at &lt;b&gt;gate 3&lt;/b&gt;.</q>" in page
    assert "gas.md, 4.2 Gas &lt;alarm&gt;" in page
    text = text_of(page).replace("&#39;", "'")
    assert text.count("No clause of the site's procedures found.") == 1
    assert "Actions come from the catalogue, chosen and ordered by the model." in text


def test_without_procedures_the_page_speaks_of_none(officer: TestClient, plant: Plant) -> None:
    text = page_of(officer, cited(plant))
    assert "procedures" not in text
    assert "Actions come from the catalogue, in its own order." in text


def test_the_page_says_for_each_language_who_wrote_its_text(
    officer: TestClient, plant: Plant
) -> None:
    note = "de: the model's summary was refused: it repeats itself; fr: something new"
    alert = cited(plant, source="model", written=("en",), note=note)
    assert "Text by the model, checked against the evidence." in page_of(officer, alert)
    why = "(die Zusammenfassung des Modells wurde abgelehnt: sie wiederholt sich)"
    assert f"Text aus dem Gefahrenkatalog. {why}" in page_of(officer, alert, "de")


# ---------------------------------------------------------------- why


def test_the_page_says_who_decided_why_and_what_the_model_thinks(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert(
        severity=Severity.MEDIUM, policy_why="toxic_gas at level high: floor medium"
    )
    plant.add_opinion(alert, Severity.HIGH)
    plant.add_words(alert)
    text = page_of(officer, alert)
    assert "medium , decided by: Policy default" in text
    assert "Toxic gas has reached level “high”, which is at least medium." in text
    assert "advise: may advise only" in text
    assert "The model's opinion: high" in text
    assert "72 %" in text
    assert "Cannot be ruled out medium, high (conformal set: in 9 of 10 cases" in text
    assert "Undecided by 1.42 bits" in text
    assert "it did not decide" in text
    german = page_of(officer, alert, "de")
    assert "hat die Stufe „high“ erreicht, das ist mindestens mittel." in german


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_that_policy_and_ladder_give_is_said_in_every_language(language: str) -> None:
    kinds = catalogue()
    reasons = set()
    for hazard in (*kinds, "not-known"):
        levels = ["", "nonsense", "off\nthe map", "idlh"]
        levels += list(kinds[hazard].levels) if hazard in kinds else []
        for level in levels:
            for occupied in (True, False, None):
                event = an_event(hazard=hazard, level=level, occupied=occupied)
                found = an_incident(event).model_copy(update={"hazard": hazard})
                reasons.add(assess(found, Policy(), kinds).why)
    gas = an_event(
        hazard="toxic_gas", measured=(Measured(name="h2s", value=120, unit="ppm"),), occupied=False
    )
    reasons.add(assess(an_incident(gas), Policy(), kinds).why)
    answers = [an_opinion(severity) for severity in Severity]
    answers += [an_opinion(None, note="not calibrated")]
    failures = [Failure(kind, "why") for kind in ("late", "broken", "absent", "unsure")]
    for answer in (*answers, *failures):
        for authority in Authority:
            made = decide("i", VERDICT, answer, authority, datetime.now(UTC))
            reasons.add(made.reason)
    assert len(reasons) > 60
    for reason in reasons:
        for sentence in sentences(reason, language):
            assert sentence not in reason, f"{sentence!r} is not said in {language}"


def test_revisions_stand_side_by_side_and_what_changed_is_marked(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert(severity=Severity.MEDIUM)
    plant.add_opinion(alert)
    plant.lift(alert, Severity.HIGH)
    rows = officer.get(f"/api/v1/alerts/{alert}").json()["comparison"]["rows"]
    severity = next(row for row in rows if row["name"] == "Severity")
    assert [cell["text"] for cell in severity["cells"]] == ["medium", "medium", "high"]
    assert [cell["changed"] for cell in severity["cells"]] == [False, False, True]
    opinion = next(row for row in rows if row["name"] == "Model: opinion")
    assert [cell["text"] for cell in opinion["cells"]][1] == "high (72 %)"
    page = officer.get(f"/alerts/{alert}").text
    assert page.count("changed-cell") == sum(cell["changed"] for r in rows for cell in r["cells"])


def test_of_many_revisions_those_that_decided_something_stay(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert(severity=Severity.LOW)
    plant.add_opinion(alert)
    for number in range(20):
        plant.revise(alert, Cause.EVIDENCE, reason=f"note {number}")
    found = officer.get(f"/api/v1/alerts/{alert}").json()["comparison"]
    assert [column["revision"] for column in found["columns"]] == [1, 2, 22]
    assert found["left_out"] == 19
    assert "19 revisions that decided nothing are left out" in page_of(officer, alert)


def test_assessments_are_named_for_a_replay(officer: TestClient, plant: Plant) -> None:
    alert_id = plant.raise_alert()
    incident_id = plant.store.open_alerts()[0].message.incident_id
    ids = []
    with plant.store.unit() as unit:
        for opinion in (an_opinion(Severity.LOW), an_opinion(None, note="not calibrated")):
            assessment = decide(incident_id, VERDICT, opinion, Authority.DECIDE, datetime.now(UTC))
            unit.save_assessment(assessment)
            ids.append(assessment.assessment_id)
        unit.commit()
    text = page_of(officer, alert_id)
    assert text.index(f"hazard replay {ids[1]}") < text.index(f"hazard replay {ids[0]}")
    assert "it did not decide (not calibrated)" in text


def test_a_decision_is_judged_again_on_request_and_what_came_of_it_is_shown(
    officer: TestClient, client_as: ClientAs, plant: Plant
) -> None:
    alert = plant.raise_alert()
    incident = plant.store.open_alerts()[0].message.incident_id
    made = decide(incident, VERDICT, an_opinion(Severity.LOW), Authority.DECIDE, datetime.now(UTC))
    with plant.store.unit() as unit:
        unit.save_assessment(made)
        unit.commit()
    form = {"csrf": csrf_of(officer.get("/").text), "assessment_id": made.assessment_id}
    assert officer.post(f"/alerts/{alert}/replays", data=form).status_code == 303
    (request,) = plant.store.pending_requests()
    assert request.verb is Verb.START_JOB
    assert request.arguments == {
        "kind": "replay_decision",
        "assessment_id": made.assessment_id,
    }
    other = form | {"assessment_id": "another-alarms"}
    assert officer.post(f"/alerts/{alert}/replays", data=other).status_code == 404
    viewer = client_as(Role.VIEWER)
    form["csrf"] = csrf_of(viewer.get("/").text)
    assert viewer.post(f"/alerts/{alert}/replays", data=form).status_code == 403
    found = Replay(
        assessment_id=made.assessment_id,
        incident_id=incident,
        decided_at=made.decided_at,
        same=False,
        model_asked=True,
        answer=(Difference(what="severity", then="low", now="<b>high</b>"),),
        causes=(),
        tolerance=0.02,
        widest=0.3,
    )
    now = datetime.now(UTC)
    job = Job(
        job_id="j1",
        kind=JobKind.REPLAY_DECISION,
        subject=made.assessment_id,
        actor="Ada",
        state=JobState.RUNNING,
        created_at=now,
    )
    done: dict[str, Any] = {"state": JobState.DONE, "result": found.model_dump(mode="json")}
    steps: tuple[tuple[dict[str, Any], str], ...] = (
        ({}, "Being judged again"),
        ({"state": JobState.FAILED, "message": "no weights"}, "It could not be judged again"),
        (done | {"finished_at": now}, "Judged again: the answer differs."),
    )
    page = ""
    for number, (changes, told) in enumerate(steps):
        changes |= {"job_id": f"j{number}", "created_at": now + timedelta(seconds=number)}
        with plant.store.queries.engine.begin() as connection:
            insert_jobs(connection, [job.model_copy(update=changes)])
        page = officer.get(f"/alerts/{alert}").text
        assert told in text_of(page)
    assert "severity: was low, is" in text_of(page)
    assert "&lt;b&gt;high&lt;/b&gt;" in page
    assert "Judge it again" in text_of(page)


# ---------------------------------------------------------------- timeline


def test_the_timeline_is_one_list_in_order_with_requests_and_their_outcome(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert(severity=Severity.MEDIUM, age_s=30)
    form = {"csrf": csrf_of(officer.get("/").text), "expected_revision": "1"}
    officer.post(f"/alerts/{alert}/actions", data={**form, "verb": "acknowledge", "comment": "go"})
    plant.carry_out()
    officer.post(f"/alerts/{alert}/actions", data={**form, "verb": "acknowledge"})
    plant.carry_out()
    entries = officer.get(f"/api/v1/alerts/{alert}").json()["timeline"]
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
    assert [entry["kind"] for entry in entries] == ["finding", "revision", "request", "request"]
    first, second = entries[2:]
    assert (first["who"], first["quote"], first["revision"]) == ("Ada", "go", 2)
    assert "state: Unacknowledged → Acknowledged" in first["lines"]
    assert second["lines"][0] == "not done: the alarm had changed"
    assert "already acknowledged by Ada" in second["lines"][1]


def test_the_stages_of_the_first_revision_say_how_long_they_took(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert()
    stages = officer.get(f"/api/v1/alerts/{alert}").json()["latency"]
    assert [stage["stage"] for stage in stages][:3] == ["captured", "detected", "raised"]
    assert "How long each stage took" in page_of(officer, alert)


# ---------------------------------------------------------------- checklist


def test_a_recommended_action_is_ticked_for_everybody(
    officer: TestClient, client_as: ClientAs, plant: Plant
) -> None:
    alert = plant.raise_alert()
    page = officer.get(f"/alerts/{alert}").text
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.split("tick-form")[1]))
    assert (form["verb"], form["done"]) == ("check-action", "true")
    officer.post(f"/alerts/{alert}/actions", data=form)
    plant.carry_out()
    viewer = client_as(Role.VIEWER)
    seen = viewer.get(f"/alerts/{alert}").text
    assert "done by Ada" in text_of(seen)
    assert "tick-form" not in seen
    other = client_as(Role.OPERATOR, name="Bo")
    assert 'aria-checked="true"' in other.get(f"/alerts/{alert}").text
    csrf = csrf_of(other.get(f"/alerts/{alert}").text)
    answer = other.post(
        f"/alerts/{alert}/actions", data=form | {"csrf": csrf}, headers={"x-fragment": "1"}
    )
    plant.carry_out()
    path = answer.text.split('data-src="')[1].split('"')[0]
    told = other.get(path).text
    assert "CONFLICT" in told
    assert "was ticked by Ada already" in told
    other.post(f"/alerts/{alert}/actions", data=form | {"csrf": csrf, "done": "false"})
    plant.carry_out()
    assert "done by Ada" not in text_of(officer.get(f"/alerts/{alert}").text).split("Timeline")[0]


# ---------------------------------------------------------------- handling


def test_a_case_is_assigned_planned_completed_closed_and_reopened(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert(severity=Severity.LOW)

    def ask(verb: str, **fields: str) -> str:
        current = plant.store.queries.current(alert)
        assert current is not None
        form = {
            "csrf": csrf_of(officer.get("/").text),
            "verb": verb,
            "expected_revision": str(current.revision),
        }
        answer = officer.post(
            f"/alerts/{alert}/actions", data=form | fields, headers={"x-fragment": "1"}
        )
        assert answer.status_code == 200, answer.text
        plant.carry_out()
        return officer.get(answer.text.split('data-src="')[1].split('"')[0]).text

    assert "DONE" in ask("assign", assignee="Bo")
    due = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    assert "DONE" in ask("plan-action", text="mend the valve", owner="Bo", due_at=due)
    text = page_of(officer, alert)
    assert "assigned to Bo" in text
    assert "mend the valve" in text
    assert 'value="close-case"' not in officer.get(f"/alerts/{alert}").text
    assert "DONE" in ask("complete-action", action_id="action-1")
    assert "DONE" in ask("acknowledge")
    plant.return_to_normal(alert)
    assert 'value="close-case"' in officer.get(f"/alerts/{alert}").text
    assert "DONE" in ask("close-case", cause="true_hazard", comment="seal was worn")
    text = page_of(officer, alert)
    assert "true hazard, by Ada at" in text
    assert "seal was worn" in text
    assert "DONE" in ask("reopen-case", comment="it was not")
    assert 'value="close-case"' in officer.get(f"/alerts/{alert}").text


def test_the_page_leads_an_alarm_to_its_end_one_step_at_a_time(
    officer: TestClient, client_as: ClientAs, plant: Plant
) -> None:
    alert = plant.raise_alert(severity=Severity.CRITICAL)

    def steps(client: TestClient = officer) -> list[tuple[str, str]]:
        page = client.get(f"/alerts/{alert}").text
        found = re.findall(r'<li class="step-(\w+)".*?<strong>(.*?)</strong>(.*?)</li>', page)
        return [(standing, text_of(name + told)) for standing, name, told in found]

    def due(client: TestClient = officer) -> str:
        return next(": ".join(each) for each in steps(client) if each[0] in ("now", "waits"))

    assert [standing for standing, _ in steps()] == ["now", "later", "later", "later"]
    assert "Press Acknowledge" in due()
    assert due(client_as(Role.VIEWER)).startswith("waits: Somebody takes it on")
    plant.acknowledge(alert)
    assert due().startswith("waits: The hazard is gone")
    assert "Still found:" in due()
    plant.revise(alert, Cause.CONDITION, condition=ProcessCondition.HELD)
    assert "Look on site" in due()
    gone: dict[str, Any] = {"condition": ProcessCondition.NORMAL}
    latched = IsaState.LATCHED_ACKNOWLEDGED
    plant.revise(alert, Cause.CONDITION, **gone, state=latched, latched=True)
    assert due().startswith("now: Somebody resets it")
    gone |= {"state": IsaState.NORMAL, "latched": False}
    plant.revise(alert, Cause.ACTION, **gone)
    assert "press Close the case" in due()
    assert due(client_as(Role.OPERATOR)).startswith("waits: The case is closed")
    closed = CaseFile(cause=CauseCode.TEST, closed_by="Ada", closed_at=datetime.now(UTC))
    plant.revise(alert, Cause.CASE, **gone, case=closed)
    assert [standing for standing, _ in steps()] == ["done"] * 4
    assert "Nothing is left to do here" in page_of(officer, alert)


def test_a_shelved_alarm_says_what_it_waits_for(officer: TestClient, plant: Plant) -> None:
    alert = plant.raise_alert(severity=Severity.LOW)
    plant.acknowledge(alert)
    until = datetime.now(UTC) + timedelta(hours=1)
    plant.revise(alert, Cause.ACTION, state=IsaState.SHELVED, shelved_until=until)
    assert "press Unshelve" in page_of(officer, alert)


def test_an_alarms_page_says_who_suppressed_it_what_came_first_and_how_its_case_stands(
    officer: TestClient, plant: Plant
) -> None:
    now = datetime.now(UTC)
    alert_id = plant.raise_alert()
    note = SuppressionNote(
        cause=SuppressionCause.HOT_WORK,
        order_id="o1",
        until=now + timedelta(hours=1),
        granted_by="ada",
        reason="welding <b>now</b>",
    )
    action = CorrectiveAction(
        action_id="x",
        text="mend the valve",
        owner="ben",
        due_at=now,
        planned_by="ada",
        planned_at=now,
    )
    plant.revise(
        alert_id,
        Cause.SUPPRESSION,
        state=IsaState.SUPPRESSED_BY_DESIGN,
        suppressed_by=(note,),
        first_out_alert_id="another",
        chattering=True,
        escalation_step=1,
        case=CaseFile(assignee="ben", actions=(action,)),
    )
    page = officer.get(f"/alerts/{alert_id}").text
    text = text_of(page)
    assert "Suppressed by design" in text
    assert "Hot work permit" in text
    assert "by ada: welding &lt;b&gt;now&lt;/b&gt;" in page
    assert 'href="/alerts/another"' in page
    assert "Chattering" in text
    assert "Escalated" in text
    assert "assigned to ben" in text
    assert "mend the valve: ben, due" in text
    assert "Suppression changed" in text


def test_each_role_is_offered_what_it_may_ask_for(client_as: ClientAs, plant: Plant) -> None:
    alert = plant.raise_alert(severity=Severity.MEDIUM)
    offered = {
        role: set(
            re.findall(
                r'name="verb" value="([\w-]+)"', client_as(role).get(f"/alerts/{alert}").text
            )
        )
        for role in Role
    }
    assert offered[Role.VIEWER] == set()
    assert offered[Role.OPERATOR] == {"acknowledge", "shelve", "comment", "assign", "check-action"}
    assert offered[Role.INTEGRATOR] == {"comment", "take-out-of-service"}
    assert {"plan-action", "grant-permit"} <= offered[Role.SAFETY_OFFICER]
    elsewhere = client_as(Role.OPERATOR, ("yard",)).get(f"/alerts/{alert}").text
    assert 'name="verb"' not in elsewhere
    assert "Your role lets you look, not act" in text_of(elsewhere)


@pytest.mark.parametrize(
    ("role", "areas", "verb"),
    [
        (Role.OPERATOR, (), "close-case"),
        (Role.OPERATOR, ("yard",), "acknowledge"),
        (Role.INTEGRATOR, (), "acknowledge"),
        (Role.VIEWER, (), "comment"),
    ],
)
def test_what_is_not_offered_is_not_taken_either(
    client_as: ClientAs, plant: Plant, role: Role, areas: tuple[str, ...], verb: str
) -> None:
    alert = plant.raise_alert()
    client = client_as(role, areas)
    form = {"csrf": csrf_of(client.get("/").text), "verb": verb, "expected_revision": "1"}
    form |= {"comment": "x", "cause": "test"}
    assert client.post(f"/alerts/{alert}/actions", data=form).status_code == 403
    assert plant.store.pending_requests() == []


# ---------------------------------------------------------------- readings and pictures


def test_readings_come_with_the_limits_of_the_sites_rules(
    officer: TestClient, plant: Plant
) -> None:
    plant.leak(60)
    alert = plant.raise_alert(age_s=30)
    (series,) = officer.get(f"/api/v1/alerts/{alert}/readings").json()["series"]
    assert (series["sensor_id"], series["unit"]) == ("h2s-1", "ppm")
    assert [limit["name"] for limit in series["limits"]] == ["alarm", "high", "idlh"]
    assert len(series["readings"]) > 30
    page = officer.get(f"/alerts/{alert}").text
    assert 'data-sensor="h2s-1"' in page
    assert "alarm 10, high 50, idlh 100" in text_of(page)
    assert "Values as a table" in text_of(page)


def test_the_picture_is_drawn_with_boxes_and_zones(officer: TestClient, plant: Plant) -> None:
    hot = person(7, "taped-off")
    alert = plant.raise_alert(
        hazard="person_in_restricted_zone", area="yard", boxes=[hot], sources=["yard-1"]
    )
    sha256 = plant.add_snapshot(alert, stripes(), [hot, person(9)])
    page = officer.get(f"/alerts/{alert}").text
    assert f'href="/evidence/{sha256}.jpg"' in page
    assert 'class="box concerned" x="100.0" y="200.0" width="40.0" height="100.0"' in page
    assert "person 7 83 %" in page
    assert "Person 7 83 %" in officer.get(f"/alerts/{alert}?lang=de").text
    assert 'class="zone concerned" points="15.4,357.1' in page
    assert "kept until" in text_of(page)
    assert "90 days, or until the disk" in text_of(page)


def test_a_line_that_was_crossed_is_drawn_with_an_arrow_to_the_side_that_raises(
    officer: TestClient, plant: Plant
) -> None:
    alert = plant.raise_alert(
        hazard="person_in_restricted_zone", area="yard", rule_id="gangway", sources=["yard-1"]
    )
    plant.add_snapshot(alert, stripes(), [person(7)])
    page = officer.get(f"/alerts/{alert}").text
    assert '<g class="tripline concerned"><polyline points="384.0,518.4 384.0,230.4"/>' in page
    assert '<polyline class="arrow" points="384.0,374.4 432.0,374.4' in page


def test_what_a_sensor_measures_now_stands_beside_what_it_measured_and_never_an_old_value(
    officer: TestClient, plant: Plant
) -> None:
    h2s = [Measured(name="h2s", value=60, unit="ppm", threshold=50, source="h2s-1")]
    alert = plant.raise_alert(measured=h2s, sources=("h2s-1",), age_s=30)
    plant.report_health()
    assert "H2S 60 ppm limit 50 h2s-1 · now 131 ppm" in page_of(officer, alert)
    plant.leak(60)
    text = page_of(officer, alert)
    assert "h2s-1 · highest 117 ppm · now 131 ppm" in text, text[text.index("H2S") :][:200]
    (worst,) = officer.get(f"/api/v1/alerts/{alert}").json()["worst"]
    assert (worst["sensor_id"], round(worst["value"]), worst["lowest"]) == ("h2s-1", 117, False)
    present = officer.get(f"/api/v1/alerts/{alert}").json()["present"]
    assert [(one["sensor_id"], one["value"]) for one in present] == [("h2s-1", 131.04)]
    plant.report_health(**{"sensor_h2s-1": (Health.DEGRADED, "stuck")})
    assert "ppm · now unknown" in page_of(officer, alert)
    plant.report_health(age_s=60)
    assert "ppm · jetzt unbekannt" in page_of(officer, alert, "de")


# ---------------------------------------------------------------- similar ones


def test_similar_incidents_come_with_what_they_were_and_the_same_place_first(
    officer: TestClient, plant: Plant
) -> None:
    h2s = [Measured(name="h2s", value=60, unit="ppm", source="h2s-1")]
    elsewhere = plant.raise_alert(area="tank-farm", age_s=900, sources=("x",), level="")
    here = plant.raise_alert(age_s=5000, measured=h2s)
    other_kind = plant.raise_alert(hazard="crowding", area="compressor", age_s=800)
    closed = CaseFile(
        cause="nuisance",
        closing_note="cleaning <i>agent</i>",
        closed_by="Bo",
        closed_at=datetime.now(UTC),
    )
    plant.revise(here, Cause.CASE, case=closed)
    later = plant.raise_alert(measured=h2s)
    found = officer.get(f"/api/v1/alerts/{later}").json()["similar"]
    assert [each["alert_id"] for each in found] == [here, elsewhere]
    assert other_kind not in {each["alert_id"] for each in found}
    assert found[0]["shared"] == ["area", "source", "level", "values"]
    assert (found[0]["cause"], found[0]["closing_note"]) == ("nuisance", "cleaning <i>agent</i>")
    page = officer.get(f"/alerts/{later}").text
    assert "nuisance" in text_of(page)
    assert "cleaning &lt;i&gt;agent" in page
    assert "No earlier incident of this kind" in page_of(officer, here)
