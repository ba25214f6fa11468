"""What tells a name from a text that speaks: ordinary names of plants, and words in disguise."""

from __future__ import annotations

import pytest

from hazard.catalogue import catalogue
from hazard.triage.hostile import TELLING, TOUCHY, folded, speaks
from hazard.triage.render import MEASURES, UNITS, readable_unit, suspicious
from hazard.types import Severity

NAMES = (
    "gate-1/track-7/loading-bay", "h2s-1", "track 7 in taped-off", "high-bay-3",
    "low-pressure-line", "critical-pump", "cam-high-bay/high-bay-3/track-14",
    "weld-cam-2/robot-cell/track-14", "baler-top/baler-hopper/track-3",
    "weld-cam-2/robot-locked-out/track-5", "solvent-cam/drum-cage/untracked-0", "test-bench-4",
    "drill-press-2", "info-point", "no-entry-zone", "fire-alarm-panel", "safety-shower-1",
    "emergency-exit-east", "quai-de-chargement", "zone-interdite-2/piste-3", "haute-tension",
    "cellule-basse-pression", "poste-critique-3", "halle-3/tor-nord", "hochspannung-raum",
    "prüfstand-2", "niederspannung", "sicherheitszone-b", "gefahrstofflager",
    "muelle-de-carga-1", "zona-alta-tension", "sala-baja-presion", "banco-di-prova",
    "zona-alta-tensione", "linea-bassa-pressione", "cabina-media-tensione", "PT-101",
    "TI_4711_B", "tank farm 3", "high bay 3", "low-voltage-room", "control-room/operator-desk",
    "system-cabinet-3", "sprinkler-system-hall-b", "cooling-system", "user-entrance",
    "training-room", "model-shop", "all-hands-corridor", "normal-exit", "clear-zone",
    "medium-voltage-switchgear", "high-risk-area", "hazard-area-2", "danger-zone", "conveyor-4",
    "press-shop/press-3-infeed", "compressor-house", "boiler-2", "ammonia-plant/nh3-2",
    "silo-c/top-platform", "false-floor-a", "false-ceiling", "right-gate", "human-robot-cell",
    "major-crane", "over-head-crane", "overhead-crane-2", "test-cell-high",
    "critical-spares/low-rack", "out-of-service", "admin-building", "demo-line",
    "order-picking", "command-post", "Größe", "câble-entrée-3", "œuvre-nord", "niño-2",
    "hall-est/porte-sud", "gate-no-4", "rue-du-port", "bas-fourneau", "information-desk",
    "supervisor-cabin", "operator-walkway", "dock-level-2",
    "camera-loading-bay-north/pedestrian-crossing-west/track-1432", "probe-point-3",
    "gas-probe-7", "all-weather-gate", "solar-field", "done-goods-store", "good-inwards",
    "design-ore-silo", "grave-yard", "alto-horno", "media-room", "label-printer",
    "rating-plate", "reply-desk",
)  # fmt: skip
"""Areas, zones, cameras and sensors as plants in five languages call them."""

LOST = {
    "info-point",
    "information-desk",
    "reply-desk",
    "high bay 3",
    "high-risk-area",
    "test-cell-high",
    "critical-spares/low-rack",
}
"""The price: names that are withheld though they mean no harm."""


def test_ordinary_names_are_shown_but_for_those_that_we_know_of() -> None:
    assert {name for name in NAMES if suspicious(name)} == LOST


def test_every_severity_alone_is_no_name() -> None:
    assert all(suspicious(severity) for severity in Severity)
    assert all(suspicious(f"cam-1/{severity}/track-7") for severity in Severity)


@pytest.mark.parametrize("word", sorted(TELLING))
def test_a_telling_word_is_found_within_a_compound_and_in_capitals(word: str) -> None:
    assert speaks(f"hall-{word.upper()}-3")


@pytest.mark.parametrize("word", sorted(TOUCHY))
def test_a_touchy_word_may_be_one_part_of_a_name_and_nothing_more(word: str) -> None:
    assert not speaks(f"conveyor-{word}")
    assert speaks(word)
    assert speaks(f"{word}-7")
    assert speaks(f"the conveyor {word}")
    assert speaks(f"conveyor-{word}/{'low' if word != 'low' else 'high'}-conveyor")


@pytest.mark.parametrize(
    ("text", "plain"),
    [("Gravité", "gravite"), ("\uff29\uff2e\uff26\uff2f", "info"),
     ("i\u200bn\u00adf\u2060o", "info"), ("\U0001d422nfo", "info"),
     ("STRASSE", "strasse"), ("Straße", "strasse"), ("œuvre", "oeuvre")],
)  # fmt: skip
def test_disguises_are_undone(text: str, plain: str) -> None:
    assert folded(text) == plain


def test_words_are_kept_folded_and_the_products_own_words_are_no_suspects() -> None:
    assert all(folded(word) == word for word in TELLING | TOUCHY)
    assert not TELLING & TOUCHY
    levels = {level for kind in catalogue().values() for level in kind.levels}
    assert not levels & TELLING
    assert all(readable_unit(unit) for unit in (*UNITS, "", "1", "degC", "mg/m³"))
    assert not {name for name in MEASURES if suspicious(name)} - {"no"}
