"""A plant whose every text from outside is an attack: labels, names, notes, reasons, files.

Each attack carries the word `xss`. What it does when it works is seen: an element or an attribute
of its own, a call of `xss()`, a request to `xss-probe`, or a sum that a template engine has done.
"""

from __future__ import annotations

import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import insert

from hazard.jobs import Job, JobKind, JobState
from hazard.site.models import Site
from hazard.store.jobs import insert_jobs
from hazard.store.operations import SaveOrder
from hazard.store.people_tables import FloorPlanRow, SavedViewRow
from hazard.store.side_tables import SiteVersionRow
from hazard.types import (
    ActionRequest,
    CaseFile,
    CauseCode,
    CorrectiveAction,
    Health,
    Measured,
    RequestState,
    Role,
    Severity,
    StageHealth,
    SuppressionCause,
    SuppressionNote,
    SuppressionOrder,
    Track,
    Verb,
    Words,
)
from tests.plant import Plant

ATTACKS = (
    "<script>xss()</script>",
    '"><img src=x onerror=xss()>',
    "' autofocus onfocus=xss() data-xss='",
    "</textarea><svg onload=xss()>",
    "javascript:xss()//",
    "{{7*7}}xss{%print(7*7)%}xss",
    "</title></script><iframe src=//xss-probe>",
    "<b hx-get=/xss-probe hx-trigger=load>",
    '<i hx-on:load="xss()" hx-ext=xss>',
    "\u202exss\u2066<i data-xss=1>\u0301",
    '=HYPERLINK("//xss-probe")',
    "+xss()",
    "@xss",
    "-2+3+cmd|' /C xss'!A0",
    '\n\nevent: alarm\ndata: {"ids":["xss"]}\n\n',
    "${xss()}`;xss();//",
    "--><script>xss()</script><!--",
    "%0d%0aset-cookie: xss=1",
    "../../xss\\..\\<u data-xss>",
)
LONGEST = 64
"""Characters of the shortest bound of these fields: every attack fits it."""
COLUMNS = ("en", "fr", "de", "es", "it")


def fill(plant: Plant) -> None:
    """Put every attack into every text of the plant and of the dashboard's own tables."""
    assert all(len(each) <= LONGEST for each in ATTACKS)
    _name_places(plant.site_file)
    for attack in ATTACKS:
        _alarm(plant, attack)
    _health(plant)
    _side_tables(plant)
    _people(plant)


def _name_places(site_file: Path) -> None:
    """Names of the site and its areas: the file is edited by many."""
    text = site_file.read_text(encoding="utf-8")
    for number, plain in enumerate(("Demo plant", "Loading yard", "Compressor house", "Tank farm")):
        text = text.replace(f"name: {plain}", f"name: {json.dumps(ATTACKS[number])}")
    site_file.write_text(text, encoding="utf-8")


def _alarm(plant: Plant, attack: str) -> None:
    now = datetime.now(UTC)
    track = Track(
        track_id=1,
        label=attack,
        confidence=0.9,
        xyxy=(10.0, 10.0, 60.0, 90.0),
        foot=(0.3, 0.8),
        zones=(attack,),
    )
    alert = plant.raise_alert(
        severity=Severity.CRITICAL,
        measured=(
            Measured(name=attack, value=3.0, unit=attack[:16], threshold=2.0, source=attack),
        ),
        boxes=(track,),
        sources=(attack,),
        level=attack[:32],
        reason=attack,
        policy_why=attack,
        hazard_name=dict.fromkeys(COLUMNS, attack),
        acknowledged_by=attack,
        comment=attack,
    )
    plant.add_opinion(alert)
    plant.add_snapshot(alert, _picture(), (track,))
    plan = CorrectiveAction(
        action_id=f"p-{uuid.uuid4().hex[:8]}",
        text=attack,
        owner=attack,
        due_at=now + timedelta(days=1),
        planned_by=attack,
        planned_at=now,
        done_at=now,
        done_by=attack,
    )
    plant.revise(
        alert,
        cause=_cause(),
        text=attack,
        words=Words(
            summary=dict.fromkeys(COLUMNS, attack),
            actions=dict.fromkeys(COLUMNS, (attack,)),
            source="model",
            note=attack,
        ),
        case=CaseFile(
            assignee=attack,
            actions=(plan,),
            cause=CauseCode.NUISANCE,
            closing_note=attack,
            closed_by=attack,
            closed_at=now,
        ),
        shelved_by=attack,
        shelve_reason=attack,
        suppressed_by=(
            SuppressionNote(
                cause=SuppressionCause.HOT_WORK, order_id=attack, granted_by=attack, reason=attack
            ),
        ),
        actor=attack,
    )
    _request(plant, alert, attack, now)


def _cause() -> Any:
    from hazard.types import Cause  # noqa: PLC0415 - one word of many

    return Cause.WORDS


def _request(plant: Plant, alert: str, attack: str, now: datetime) -> None:
    request = ActionRequest(
        request_id=f"r-{uuid.uuid4().hex}",
        alert_id=alert,
        verb=Verb.COMMENT,
        actor=attack,
        role=Role.OPERATOR,
        comment=attack,
        arguments={"note": attack},
        requested_at=now,
    )
    plant.store.desk.submit_request(request)
    with plant.store.unit() as unit:
        unit.finish_request(request.request_id, RequestState.REFUSED, attack, now)
        order = SuppressionOrder(
            order_id=f"o-{uuid.uuid4().hex[:12]}",
            cause=SuppressionCause.OUT_OF_SERVICE,
            hazard="smoke",
            area="yard",
            starts_at=now,
            ends_at=now + timedelta(hours=1),
            granted_by=attack,
            reason=attack,
        )
        unit.add(SaveOrder(node="edge-1", order=order))
        unit.audit(now, attack, "comment", attack, {"text": attack, attack: attack})
        unit.commit()


def _health(plant: Plant) -> None:
    now = datetime.now(UTC)
    stages = [
        StageHealth(
            stage=f"mqtt/{attack}" if number else "camera/yard-1",
            health=Health.DEGRADED,
            reason=attack,
            at=now,
            figures={attack: attack, "fps": 9.0, "state": attack},
        )
        for number, attack in enumerate(ATTACKS)
    ]
    plant.store.bulk.record_health("edge-1", stages)


def _side_tables(plant: Plant) -> None:
    now = datetime.now(UTC)
    text = plant.site_file.read_text(encoding="utf-8")
    jobs = [
        Job(
            job_id=f"j-{number}",
            kind=JobKind.DRY_RUN if number % 2 else JobKind.REPLAY_DECISION,
            subject=attack,
            actor=attack,
            state=JobState.FAILED,
            message=attack,
            arguments={"patch": {attack: attack}},
            result={"text": attack, "raised": [attack]},
            created_at=now,
        )
        for number, attack in enumerate(ATTACKS)
    ]
    with plant.store.people.accounts._writer.transaction() as connection:
        insert_jobs(connection, jobs)
        for number, attack in enumerate(ATTACKS):
            connection.execute(
                insert(SiteVersionRow).values(
                    node="edge-1",
                    sha256=f"{number:064x}",
                    text=f"{text}\n# {attack!r}\n",
                    actor=attack,
                    reason=attack,
                    summary=attack,
                    made_at=now,
                )
            )
        picture = _picture()
        connection.execute(
            insert(FloorPlanRow).values(
                plan_id="plan-1",
                name=ATTACKS[1],
                media_type="image/jpeg",
                width_px=96,
                height_px=72,
                sha256="0" * 64,
                picture=picture,
                places={},
                changed_at=now,
                changed_by=ATTACKS[0],
            )
        )


def _people(plant: Plant) -> None:
    now = datetime.now(UTC)
    people = plant.store.people
    for number, attack in enumerate(ATTACKS):
        account = people.accounts.create(attack, Role.VIEWER, (), by=attack, now=now)
        people.logins.open_session(account, now, lifetime=timedelta(hours=1))
        ends = now + timedelta(days=1)
        people.tokens.create(account, attack, ["view"], expires_at=ends, by=attack, now=now)
        with people.accounts._writer.transaction() as connection:
            connection.execute(
                insert(SavedViewRow).values(
                    view_id=f"v-{number}",
                    account_id=account.account_id,
                    name=attack,
                    shared=True,
                    query={"text": attack},
                    created_at=now,
                )
            )


def _picture() -> bytes:
    into = io.BytesIO()
    Image.new("RGB", (96, 72), (90, 90, 90)).save(into, "JPEG")
    return into.getvalue()


def site_is_valid(site: Site) -> bool:
    """Whether the hostile names came through the product's own reading."""
    return {ATTACKS[1], ATTACKS[2], ATTACKS[3]} == {area.name for area in site.areas.values()}
