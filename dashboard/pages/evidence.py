"""Evidence from disk: only what the store knows by its hash, and only unchanged."""

from __future__ import annotations

import hashlib
import re

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from dashboard.access import Permission, needs
from dashboard.services import ServicesOf

router = APIRouter(include_in_schema=False, dependencies=[needs(Permission.VIEW)])
SHA256 = re.compile(r"[0-9a-f]{64}")
FILE_MAX = 32 * 1024 * 1024


@router.get("/evidence/{evidence_id}.jpg")
def snapshot(services: ServicesOf, evidence_id: str) -> Response:
    """A snapshot. Its content is checked against its name on each read."""
    if SHA256.fullmatch(evidence_id) is None:
        raise HTTPException(404, "evidence is named by the sha256 of its file")
    known = services.backend.queries.find_evidence(evidence_id)
    if known is None or known.kind != "snapshot":
        raise HTTPException(404, "there is no such evidence, or it has been pruned")
    path = services.settings.evidence / evidence_id[:2] / f"{evidence_id}.jpg"
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX + 1)
    except OSError as error:
        raise HTTPException(404, "the evidence is not on this box's disk") from error
    if hashlib.sha256(data).hexdigest() != evidence_id:
        raise HTTPException(410, "the file on disk is not the evidence that was stored")
    headers = {"cache-control": "private, max-age=86400, immutable"}
    return Response(data, media_type="image/jpeg", headers=headers)
