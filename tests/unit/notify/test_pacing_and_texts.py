"""What a notification says, when it goes out, and how it is signed."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.notify.channels import signature
from edge_agent.notify.pacing import next_attempt, parcels
from edge_agent.notify.texts import MAX_BODY, MAX_TITLE, text_of, together
from hazard.errors import ConfigError
from hazard.site.models import Area, Site, SiteIdentity
from hazard.store.notices import DueNotice
from hazard.types import AlertMessage, IsaState, Notice, NoticeReason, Severity, Words
from tests.alert_builders import T0, a_message, an_alarm, later

SITE = Site(
    site=SiteIdentity(id="plant-a", name="Plant A", timezone="Europe/Berlin"),
    areas={"yard": Area(name="Loading yard")},
)


def a_due(number: int = 1, severity: Severity = Severity.HIGH, **changes: object) -> DueNotice:
    message = a_message(an_alarm(f"a{number}", severity))
    return DueNotice(
        notice=Notice(
            notice_id=f"n{number}",
            alert_id=f"a{number}",
            revision=1,
            channel="control-room",
            reason=NoticeReason.RAISED,
            created_at=T0,
        ).model_copy(update=changes),
        attempts=0,
        message=message,
    )


severities = st.sampled_from([Severity.LOW, Severity.HIGH, Severity.CRITICAL])


@given(st.lists(severities, max_size=40), st.integers(-5, 20))
def test_critical_goes_at_once_the_rest_within_the_room_and_nothing_is_lost(
    found: list[Severity], left: int
) -> None:
    dues = [a_due(number, severity) for number, severity in enumerate(found)]
    sent = parcels(dues, left=left)
    names = [due.notice.notice_id for parcel in sent for due in parcel]
    assert len(names) == len(set(names))
    critical = {due.notice.notice_id for due in dues if "critical" in str(_severity(due))}
    assert critical <= {parcel[0].notice.notice_id for parcel in sent if len(parcel) == 1}
    others = [parcel for parcel in sent if parcel[0].notice.notice_id not in critical]
    assert len(others) <= max(0, left - len(critical))
    if left > len(critical):
        assert set(names) == {due.notice.notice_id for due in dues}
    else:
        assert set(names) == critical


def _severity(due: DueNotice) -> Severity:
    assert due.message is not None
    return due.message.severity


def test_a_notice_is_tried_again_ever_later_until_it_has_waited_too_long() -> None:
    jitter, day = random.Random(1), timedelta(hours=24)
    pauses = []
    for attempts in range(12):
        due = DueNotice(notice=a_due().notice, attempts=attempts, message=None)
        again = next_attempt(due, later(60), give_up_after=day, jitter=jitter)
        assert again is not None
        pauses.append((again - later(60)).total_seconds())
    assert 3 < pauses[0] < 7
    assert pauses[5] > pauses[0] * 10
    assert max(pauses) <= 720
    late = later(24 * 3600)
    assert next_attempt(a_due(), late, give_up_after=day, jitter=jitter) is None


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "[HIGH] Person in restricted zone - Loading yard"),
        ("fr", "[ÉLEVÉE] Person in restricted zone - Loading yard"),
        ("de", "[HOCH] Person in restricted zone - Loading yard"),
        ("es", "[ALTA] Person in restricted zone - Loading yard"),
        ("it", "[ALTA] Person in restricted zone - Loading yard"),
    ],
)
def test_the_title_names_severity_hazard_and_area(language: str, title: str) -> None:
    assert text_of(a_due(), language, SITE).title == title


def _with(due: DueNotice, **changes: object) -> DueNotice:
    assert due.message is not None
    message: AlertMessage = due.message.model_copy(update=changes)
    return DueNotice(notice=due.notice, attempts=0, message=message)


def test_the_text_says_what_to_do_when_and_what_happened_since() -> None:
    words = Words(
        summary={"de": "Person im Sperrbereich."},
        actions={"de": ("Rufen Sie die Person heraus.", "Halten Sie Maschinen an.")},
        source="template",
    )
    escalated = _with(a_due(reason=NoticeReason.ESCALATED, step=1), words=words)
    body = text_of(escalated, "de", SITE).body
    assert "Niemand hat diesen Alarm quittiert (Stufe 2)." in body
    assert "Person im Sperrbereich." in body
    assert "- Rufen Sie die Person heraus." in body
    assert "Ausgelöst: 2026-03-01 13:00:00 CET" in body
    seen = _with(escalated, acknowledged=True, acknowledged_by="ada")
    assert "Inzwischen quittiert von ada." in text_of(seen, "de", SITE).body
    over = _with(escalated, state=IsaState.NORMAL)
    assert "inzwischen wieder normal" in text_of(over, "de", SITE).body


def test_names_from_outside_add_no_lines_and_no_length() -> None:
    hostile = "Gas\r\nBcc: everybody@example.com\x00\u202e" + "x" * 10_000
    text = text_of(_with(a_due(), hazard_name={"en": hostile}), "en", SITE)
    assert "\n" not in text.title
    assert "\r" not in text.title
    assert len(text.title) <= MAX_TITLE
    acknowledged = _with(a_due(), acknowledged=True, acknowledged_by=hostile)
    body = text_of(acknowledged, "en", SITE).body
    assert not any(line.startswith("Bcc") for line in body.splitlines())
    assert len(body) <= MAX_BODY


def test_many_alarms_are_told_together_with_the_worst_first_in_the_title() -> None:
    dues = [a_due(number, Severity.LOW) for number in range(30)]
    dues.append(a_due(99, Severity.HIGH))
    text = together(dues, "en", SITE)
    assert text.title == ("[HIGH] 31 alarms, told together because there were so many - Plant A")
    assert text.body.count("[LOW]") == 20
    assert "+11" in text.body


def test_the_signature_is_that_of_the_standard_webhooks_specification() -> None:
    """The example of the specification's reference implementations."""
    told = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        b'{"test": 2432232314}',
    )
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    with pytest.raises(ConfigError, match="no base64"):
        signature("whsec_!!", "m", "1", b"")
