"""The cameras' latest annotated pictures, how old they are, and what is wrong with them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from dashboard.i18n import N_
from dashboard.settings import PREVIEW_STALE_AFTER_S
from dashboard.stages import HealthView, StageView
from hazard.site.models import Site
from hazard.types import CameraState, Health

PREVIEW_MAX = 8 * 1024 * 1024
USUAL_SIZE = (4, 3)
"""The shape of a picture that is not there."""

SIGNS = {
    "unknown": N_("UNKNOWN"),
    "offline": N_("OFFLINE"),
    "dark": N_("DARK"),
    "frozen": N_("FROZEN"),
    "ended": N_("ENDED"),
    "starting": N_("STARTING"),
    "degraded": N_("DEGRADED"),
    "no picture": N_("NO PICTURE"),
    "stale": N_("STALE"),
}
"""What is written across a picture that must not be taken for what the camera sees now."""
SILENT = N_("The agent says nothing about this camera.")
NO_PREVIEW = N_("No preview has been written yet.")
NOT_NOW = N_("This is not what the camera sees now.")


@dataclass(frozen=True, slots=True)
class CameraView:
    """One camera at one time.

    Attributes:
        area: its name.
        age_s: age of the latest picture; None when there is none.
        sign: one of SIGNS, empty when the picture is live and the camera healthy.
        sign_detail: why, in words: a text of the catalogue, or the agent's own.
    """

    camera_id: str
    area_id: str
    area: str
    budget_fps: float
    stage: StageView
    age_s: float | None
    sign: str
    sign_detail: str

    @property
    def fps(self) -> float | None:
        """Frames processed a second, as last reported; None when that is not known now."""
        value = self.stage.numbers.get("fps")
        known = isinstance(value, int | float) and self.stage.health is not Health.UNKNOWN
        return float(value) if known and isinstance(value, int | float) else None

    @property
    def sign_text(self) -> str:
        """The sign in words, empty for none."""
        return SIGNS.get(self.sign, "")

    def count(self, name: str) -> int | None:
        """A count that the agent reports (frames_read, restarts…); None when it does not."""
        value = self.stage.numbers.get(name)
        return value if isinstance(value, int) else None


def camera_views(site: Site, health: HealthView, folder: Path, now: datetime) -> list[CameraView]:
    """Every camera of the site."""
    return [camera_view(name, site, health, folder, now) for name in site.cameras]


def camera_view(
    name: str, site: Site, health: HealthView, folder: Path, now: datetime
) -> CameraView:
    """One camera that the site names."""
    camera = site.cameras[name]
    stage = health.stage(f"camera/{name}") or StageView(
        f"camera/{name}", Health.UNKNOWN, "has not reported yet", None, None, ()
    )
    age_s = preview_age_s(folder, name, now)
    sign, detail = _sign(stage, age_s, silent=health.silent)
    area = site.areas[camera.area].name if camera.area in site.areas else camera.area
    return CameraView(name, camera.area, area, camera.fps_budget, stage, age_s, sign, detail)


def _sign(stage: StageView, age_s: float | None, *, silent: bool) -> tuple[str, str]:
    if silent or stage.health is Health.UNKNOWN:
        return "unknown", SILENT
    state = str(stage.numbers.get("state", ""))
    fine = stage.health is Health.READY
    words = f"{state} {stage.reason}".lower()
    for bad in (CameraState.OFFLINE, CameraState.DARK, CameraState.FROZEN, CameraState.ENDED):
        if bad.value == state or (not state and bad.value in words and not fine):
            return bad.value, stage.reason
    if not fine:
        return stage.health.value, stage.reason
    if age_s is None:
        return "no picture", NO_PREVIEW
    if age_s > PREVIEW_STALE_AFTER_S:
        return "stale", NOT_NOW
    return "", ""


def preview_age_s(folder: Path, camera_id: str, now: datetime) -> float | None:
    """Seconds since the camera's preview was written; None when there is none."""
    try:
        status = (folder / f"{camera_id}.jpg").stat()
    except OSError:
        return None
    return max(0.0, (now - datetime.fromtimestamp(status.st_mtime, UTC)).total_seconds())


def read_preview(folder: Path, camera_id: str) -> tuple[bytes, str] | None:
    """The JPEG of a camera that the site names, and a tag that changes with each new one.

    None when there is none, or it is no JPEG.
    """
    path = folder / f"{camera_id}.jpg"
    try:
        with path.open("rb") as file:
            data = file.read(PREVIEW_MAX + 1)
            stamp = path.stat().st_mtime_ns
    except OSError:
        return None
    if not data.startswith(b"\xff\xd8") or len(data) > PREVIEW_MAX:
        return None
    return data, f'"{stamp:x}-{len(data):x}"'


def preview_size(folder: Path, camera_id: str) -> tuple[int, int]:
    """Width and height of the camera's preview in pixels; 4 to 3 where there is none."""
    found = read_preview(folder, camera_id)
    if found is None:
        return USUAL_SIZE
    try:
        with Image.open(io.BytesIO(found[0])) as picture:
            return picture.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return USUAL_SIZE
