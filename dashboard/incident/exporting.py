"""Taking an incident away: as PDF in the reader's language, or as signed bundle."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Literal

from fastapi import HTTPException
from pydantic import BaseModel, Field

from dashboard.access import Permission, Person
from dashboard.exports import Export, Tell, TooMany
from dashboard.incident.readings import series_around
from dashboard.incident.report import incident_pdf
from dashboard.incident.saying import Say
from dashboard.services import Services
from hazard.blurring import blurred
from hazard.store.export import make_bundle, signing_key
from hazard.store.queries import AlertDetail
from hazard.types import Evidence


class Form(StrEnum):
    """What an incident is taken away as."""

    PDF = "pdf"
    BUNDLE = "bundle"


class ExportOrder(BaseModel):
    """What somebody wants to take away.

    People in pictures are blurred (where the site has that) unless `clear`, which takes the
    permission to see them and a reason.
    """

    form: Form = Form.PDF
    language: Literal["en", "fr", "de", "es", "it"] = "en"
    clear: bool = False
    why: str = Field(default="", max_length=500, description="of clear: written to the audit")


def start_export(services: Services, person: Person, alert_id: str, order: ExportOrder) -> Export:
    """Write who takes what away to the audit, then begin to make the file.

    Raises:
        HTTPException: 403 where they may not, 404 without such an alarm, 422 where a clear one has
            no reason, 429 while too many are being made.
        StoreError: if the audit cannot be written: nothing leaves unseen.
    """
    found = services.backend.queries.get_alert(alert_id[:64])
    if found is None:
        raise HTTPException(404, "there is no such alarm: go back to the list")
    area = found.current.area
    if not person.may(Permission.EXPORT, area):
        raise HTTPException(403, f"incidents of area {area} are not for you to take away")
    if order.clear and not person.may(Permission.SEE_CLEAR, area):
        raise HTTPException(403, f"clear pictures of area {area} are not for you")
    if order.clear and len(order.why.strip()) < 3:  # noqa: PLR2004 - a word
        raise HTTPException(422, "why is missing: say why people must be seen clearly")
    now = services.now()
    details = {"format": order.form.value, "clear": order.clear, "why": order.why}
    services.backend.desk.audit(now, person.name, "export", alert_id, details)
    cover = services.site.privacy.blur_people and not order.clear
    make, name, media_type = {
        Form.PDF: (_pdf(services, person, found, order, cover=cover), "pdf", "application/pdf"),
        Form.BUNDLE: (_bundle(services, person, alert_id, cover=cover), "zip", "application/zip"),
    }[order.form]
    called = f"incident-{alert_id}.{name}"
    try:
        return services.exports.start(
            person.account_id, alert_id, name=called, media_type=media_type, make=make
        )
    except TooMany as error:
        raise HTTPException(429, str(error)) from error
    except OSError as error:
        raise HTTPException(503, f"{services.exports.folder}: {error.strerror}") from error


def _pdf(
    services: Services, person: Person, found: AlertDetail, order: ExportOrder, *, cover: bool
) -> Callable[[Path, Tell], None]:
    def make(path: Path, tell: Tell) -> None:
        site, now = services.site, services.now()
        data = incident_pdf(
            found,
            series_around(services.backend.queries, site, found.current, now),
            lambda item: services.evidence.picture(item, clear=not cover),
            site=site,
            say=Say(order.language),
            made_by=person.name,
            made_at=now,
            blurred=cover,
            tell=tell,
        )
        path.write_bytes(data)

    return make


def _bundle(
    services: Services, person: Person, alert_id: str, *, cover: bool
) -> Callable[[Path, Tell], None]:
    def covered(item: Evidence, data: bytes) -> bytes | None:
        return blurred(data, item.people) if item.kind == "snapshot" else None

    def make(path: Path, tell: Tell) -> None:
        make_bundle(
            services.backend.queries.engine,
            alert_id,
            path,
            evidence_dir=services.settings.evidence,
            key=signing_key(services.settings.data_dir),
            made_by=person.name,
            made_at=services.now(),
            cover=covered if cover else None,
            tell=tell,
        )

    return make
