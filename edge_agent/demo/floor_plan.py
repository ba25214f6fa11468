"""The demo plant's floor plan: a schematic, drawn at each start, with everything placed on it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from hazard.floor_plan import Places, Point
from hazard.store.plans import PlanPicture
from hazard.store.store import Store

NAME = "Demo plant, schematic"
ACTOR = "demo"
"""Who made the plan, in the audit."""
SIZE_PX = (1600, 1000)
INK, SOFT, PALE, PAPER = "#202020", "#6a6a6a", "#e3e3e3", "white"

PLACES = Places(
    areas={
        "yard": ((0.03, 0.05), (0.62, 0.05), (0.62, 0.95), (0.03, 0.95)),
        "gate": ((0.66, 0.05), (0.97, 0.05), (0.97, 0.44), (0.66, 0.44)),
        "pump-house": ((0.66, 0.52), (0.97, 0.52), (0.97, 0.95), (0.66, 0.95)),
    },
    cameras={"yard-1": (0.28, 0.89), "gate-2": (0.74, 0.36)},
    sensors={"h2s-1": (0.54, 0.60), "motor-1": (0.815, 0.74)},
)
"""What lies where, relative to the picture. Cameras and sensors by their names in the site file."""

LAWN = ((0.06, 0.60), (0.24, 0.60), (0.40, 0.86), (0.06, 0.86))
TAPED_CORNER = ((0.06, 0.22), (0.36, 0.22), (0.30, 0.38), (0.06, 0.36))
VAN = ((0.44, 0.24), (0.57, 0.24), (0.57, 0.33), (0.44, 0.33))
LOADING_BAY = ((0.47, 0.48), (0.61, 0.48), (0.61, 0.84), (0.47, 0.84))
PATH = ((0.05, 0.48), (0.30, 0.48), (0.44, 0.72), (0.44, 0.92))
MOTOR = ((0.77, 0.68), (0.86, 0.68), (0.86, 0.80), (0.77, 0.80))
PIPE = ((0.54, 0.60), (0.64, 0.60), (0.64, 0.74), (0.77, 0.74))
"""The gas line, from the flange at the loading bay to the pump house."""
BARRIER = ((0.64, 0.25), (0.78, 0.25))
LABELS = (
    ((0.08, 0.73), "lawn (closed)"),
    ((0.08, 0.29), "taped corner"),
    ((0.475, 0.285), "van"),
    ((0.48, 0.80), "loading bay"),
    ((0.12, 0.52), "path"),
    ((0.79, 0.83), "motor"),
    ((0.675, 0.71), "gas line"),
    ((0.80, 0.25), "barrier"),
    ((0.03, 0.975), "Schematic, not to scale"),
)


def draw_plan() -> PlanPicture:
    """The schematic as a PNG."""
    image = Image.new("RGB", SIZE_PX, PAPER)
    draw = ImageDraw.Draw(image)
    for outline in PLACES.areas.values():
        draw.polygon(_pixels(outline), outline=INK, width=6)
    draw.polygon(_pixels(LAWN), fill=PALE, outline=SOFT, width=3)
    draw.polygon(_pixels(TAPED_CORNER), outline=SOFT, width=3)
    draw.line(_pixels(PATH), fill=PALE, width=46, joint="curve")
    for solid in (VAN, LOADING_BAY, MOTOR):
        draw.polygon(_pixels(solid), fill=PALE, outline=INK, width=4)
    draw.line(_pixels(PIPE), fill=INK, width=7, joint="curve")
    draw.line(_pixels(BARRIER), fill=INK, width=9)
    font = ImageFont.load_default(24)
    for place, text in LABELS:
        draw.text(_pixels((place,))[0], text, fill=INK, font=font, anchor="lm")
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return PlanPicture(file.getvalue(), "image/png", *image.size)


def hang_plan(store: Store) -> None:
    """Give the plant its floor plan, unless it has one.

    Raises:
        StoreError: if the database cannot be written.
    """
    if store.plans.all():
        return
    at = datetime.now(UTC)
    plan_id = store.plans.add(NAME, draw_plan(), ACTOR, at)
    store.plans.place(plan_id, PLACES, at, ACTOR, at)


def _pixels(points: tuple[Point, ...]) -> list[Any]:
    return [(round(x * SIZE_PX[0]), round(y * SIZE_PX[1])) for x, y in points]
