"""What every contender works on: the same footage, model, zone, dwell and threads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hazard.site.models import Site

ZONE = ((0.39, 0.57), (0.81, 0.52), (0.99, 0.83), (0.39, 0.998))
"""A part of the path that people cross, in relative coordinates."""
DWELL_S = 1.0
CONFIDENCE = 0.4
CLIP_FPS = 10.0
PERSON = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """Footage, model file and threads; `frames` is how many pictures are processed per camera."""

    footage: Path
    model: Path
    models_dir: Path
    threads: int
    frames: int


def bench_site(scene: Scene, cameras: int) -> Site:
    """A site with `cameras` cameras on the footage, every frame processed, one zone each."""
    source = {"kind": "file", "path": str(scene.footage), "pace": "fast"}
    zone = {"polygon": [list(point) for point in ZONE]}
    names = [f"cam-{number}" for number in range(cameras)]
    return Site.model_validate(
        {
            "site": {"id": "bench", "name": "Bench"},
            "areas": {"yard": {"name": "Yard"}},
            "cameras": {
                name: {
                    "area": "yard",
                    "source": source,
                    "fps_budget": CLIP_FPS,
                    "zones": {"zone": zone},
                    "min_confidence": CONFIDENCE,
                }
                for name in names
            },
            "rules": {
                f"rule-{name}": {
                    "kind": "restricted_zone",
                    "camera": name,
                    "zone": "zone",
                    "dwell_s": DWELL_S,
                }
                for name in names
            },
            "mqtt": {"embedded": True},
        }
    )
