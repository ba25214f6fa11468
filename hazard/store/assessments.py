"""Finding one assessment: by its id, by the beginning of it, or by the alert that it is about."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select

from hazard.errors import StoreError
from hazard.store.tables import AlertRow, AssessmentRow
from hazard.types import Assessment

MIN_PREFIX = 8
"""Characters of an id that are enough to name it."""

NAMED = 5
"""How many ids an error lists."""


def find_assessment(connection: Connection, assessment_id: str) -> Assessment | None:
    """The assessment of that id, or of which it is the beginning; None if there is none.

    Raises:
        StoreError: if it is too short, or the beginning of several.
    """
    if len(assessment_id) < MIN_PREFIX:
        raise StoreError(
            f"assessment {assessment_id!r} is too short: give at least {MIN_PREFIX} characters"
        )
    query = (
        select(AssessmentRow.assessment_id, AssessmentRow.payload)
        .where(AssessmentRow.assessment_id.startswith(assessment_id, autoescape=True))
        .order_by(AssessmentRow.assessment_id)
    )
    rows = connection.execute(query.limit(NAMED + 1)).all()
    exact = [row for row in rows if row.assessment_id == assessment_id] or rows
    if len(exact) > 1:
        found = ", ".join(row.assessment_id for row in exact[:NAMED])
        raise StoreError(
            f"assessment {assessment_id!r} is the beginning of several ({found}): give more of it"
        )
    return Assessment.model_validate(exact[0].payload) if exact else None


def assessments_about(connection: Connection, subject_id: str) -> tuple[Assessment, ...]:
    """The assessments of an alert or an incident, named by its id, oldest first."""
    incidents = select(AlertRow.incident_id).where(AlertRow.alert_id == subject_id)
    query = select(AssessmentRow.payload).where(
        or_(AssessmentRow.incident_id == subject_id, AssessmentRow.incident_id.in_(incidents))
    )
    rows = connection.execute(query.order_by(AssessmentRow.decided_at)).scalars()
    return tuple(Assessment.model_validate(payload) for payload in rows)
