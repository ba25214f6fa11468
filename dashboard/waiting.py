"""How a job stands, in words: since when it waits, what is done before it, how far it is."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.i18n import N_
from dashboard.services import Services
from dashboard.spoken import Told, filled, told
from dashboard.spoken.jobs import KIND_TEXT
from hazard.jobs import Job, JobState

_SINCE = N_("Waiting since {time}.")
_RUNNING = N_("Running before it: {name}, since {time}.")
_MORE = N_("{count} more wait before it.")
_NEXT = N_(
    "Nothing runs before it, so it begins in a moment. If it does not, see the stage of the jobs "
    "under Health."
)


def job_text(services: Services, job: Job, language: str) -> str:
    """What there is to say of a job now; of one that waits, what it waits for.

    Raises:
        SQLAlchemyError: if the database cannot be read.
    """
    if job.state is not JobState.WAITING:
        return told(job.message, language)
    return " ".join(_waits(services, job, services.backend.jobs.going(), language))


def _waits(services: Services, job: Job, going: Sequence[Job], language: str) -> list[Told]:
    speech, zone = services.speeches[language], services.site.site.timezone
    now = services.now()
    lines = [filled(language, _SINCE, time=speech.clock(job.created_at, zone, now))]
    running = [each for each in going if each.state is JobState.RUNNING]
    for each in running:
        since = speech.clock(each.started_at or each.created_at, zone, now)
        name = speech.tr(KIND_TEXT[each.kind])
        lines.append(filled(language, _RUNNING, name=name, time=since))
    place = (job.created_at, job.job_id)
    before = [
        each
        for each in going
        if each.state is JobState.WAITING and (each.created_at, each.job_id) < place
    ]
    if before:
        lines.append(filled(language, _MORE, count=len(before)))
    if not running and not before:
        lines.append(filled(language, _NEXT))
    return lines
