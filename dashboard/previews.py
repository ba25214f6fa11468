"""The cameras' latest annotated pictures, and how old they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dashboard.settings import PREVIEW_STALE_AFTER_S
from dashboard.stages import HealthView, StageView
from hazard.site.models import Site
from hazard.types import CameraState, Health

PREVIEW_MAX = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CameraView:
    """One camera at one time.

    Attributes:
        age_s: age of the latest picture; None when there is none.
        sign: what to write across the picture, empty when it is live and healthy.
    """

    camera_id: str
    area: str
    budget_fps: float
    stage: StageView
    state: str
    age_s: float | None
    sign: str
    sign_detail: str

    @property
    def fps(self) -> str:
        """Frames processed a second, as last reported."""
        return dict(self.stage.figures).get("fps", "unknown")


def camera_views(site: Site, health: HealthView, folder: Path, now: datetime) -> list[CameraView]:
    """Every camera of the site."""
    views = []
    for name, camera in site.cameras.items():
        stage = health.stage(f"camera/{name}") or StageView(
            f"camera/{name}", Health.UNKNOWN, "has not reported yet", None, None, ()
        )
        age_s = preview_age_s(folder, name, now)
        state = dict(stage.figures).get("state", "")
        sign, detail = _sign(stage, state, age_s, silent=health.silent)
        area = site.areas[camera.area].name if camera.area in site.areas else camera.area
        views.append(CameraView(name, area, camera.fps_budget, stage, state, age_s, sign, detail))
    return views


def _sign(stage: StageView, state: str, age_s: float | None, *, silent: bool) -> tuple[str, str]:
    if silent or stage.health is Health.UNKNOWN:
        return "UNKNOWN", "The agent says nothing about this camera."
    words = (state + " " + stage.reason).lower()
    for bad in (CameraState.OFFLINE, CameraState.DARK, CameraState.FROZEN, CameraState.ENDED):
        if bad.value == state or (not state and bad.value in words and not _fine(stage)):
            return bad.value.upper(), stage.reason
    if not _fine(stage):
        return stage.health.value.upper(), stage.reason
    if age_s is None:
        return "NO PICTURE", "No preview has been written yet."
    if age_s > PREVIEW_STALE_AFTER_S:
        return "STALE", "This is not what the camera sees now."
    return "", ""


def _fine(stage: StageView) -> bool:
    return stage.health is Health.READY


def preview_age_s(folder: Path, camera_id: str, now: datetime) -> float | None:
    """Seconds since the camera's preview was written; None when there is none."""
    try:
        status = (folder / f"{camera_id}.jpg").stat()
    except OSError:
        return None
    return max(0.0, (now - datetime.fromtimestamp(status.st_mtime, UTC)).total_seconds())


def read_preview(folder: Path, camera_id: str) -> bytes | None:
    """The JPEG of a camera that the site names; None when there is none, or it is no JPEG."""
    try:
        with (folder / f"{camera_id}.jpg").open("rb") as file:
            data = file.read(PREVIEW_MAX + 1)
    except OSError:
        return None
    return data if data.startswith(b"\xff\xd8") and len(data) <= PREVIEW_MAX else None
