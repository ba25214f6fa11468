"""Clean incidents that the attack tests start from."""

from __future__ import annotations

from hazard.types import Incident, Measured
from tests.incidents import an_event, an_incident, gas


def _measured(name: str, value: float, unit: str, threshold: float, source: str) -> Measured:
    return Measured(name=name, value=value, unit=unit, threshold=threshold, source=source)


GAS = an_incident(gas(12.5))
DEADLY_GAS = an_incident(gas(150.0))
FIRE = an_incident(
    an_event(
        "fire",
        subject="cam-1",
        occupied=True,
        measured=(_measured("frames_of_window", 9, "1", 5, "cam-1"),),
    )
)
PERSON = an_incident(
    an_event(
        subject="gate-1/press/track-7",
        occupied=True,
        measured=(_measured("dwell", 3.2, "s", 1, "gate-1"),),
    )
)
BLIND = an_incident(
    an_event(
        "camera_dark",
        subject="cam-1",
        level="dark",
        measured=(_measured("dark", 40, "s", 5, "cam-1"),),
    )
)
CROWD = an_incident(
    an_event(
        "crowding",
        subject="gate-1/hall",
        occupied=True,
        measured=(_measured("people", 6, "1", 4, "gate-1"),),
    )
)
EXPLOSIVE = an_incident(
    an_event(
        "flammable_gas",
        subject="ch4-1",
        level="very_high",
        occupied=False,
        measured=(_measured("ch4", 45, "%LEL", 40, "ch4-1"),),
    )
)
HOT = an_incident(
    an_event(
        "overtemperature",
        subject="t-1",
        level="trip",
        occupied=False,
        measured=(_measured("temperature", 120, "degC", 110, "t-1"),),
    )
)
WARM = an_incident(
    an_event(
        "overtemperature",
        subject="t-1",
        level="warning",
        occupied=False,
        measured=(_measured("temperature", 80, "degC", 75, "t-1"),),
    )
)
LEAK_AND_PERSON = an_incident(*GAS.events, *PERSON.events)

CLEAN: tuple[Incident, ...] = tuple(
    incident.model_copy(update={"incident_id": name})
    for name, incident in {
        "gas": GAS,
        "deadly-gas": DEADLY_GAS,
        "fire": FIRE,
        "person": PERSON,
        "blind": BLIND,
        "crowd": CROWD,
        "explosive": EXPLOSIVE,
        "hot": HOT,
        "warm": WARM,
        "leak-and-person": LEAK_AND_PERSON,
    }.items()
)
