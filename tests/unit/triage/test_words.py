"""Words: templates in five languages, and the check of generated summaries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.catalogue import catalogue
from hazard.triage.evidence import refused
from hazard.triage.phrases import LANGUAGES
from hazard.triage.words import MAX_WORDS, action_ids, localised_actions, summary, template
from hazard.types import Citation, Incident, Measured, Words
from tests.incidents import KINDS, an_event, an_incident, gas, incidents

DWELL = Measured(name="dwell", value=3.2, unit="s", threshold=1.0, source="gate-1")


def leak() -> Incident:
    person = an_event(subject="gate-1/taped-off/track-7", measured=(DWELL,), occupied=True)
    return an_incident(gas(12.5), person)


@pytest.mark.parametrize("hazard", [*KINDS, "never_heard_of"])
def test_every_kind_has_a_summary_in_every_language(hazard: str) -> None:
    words = template(an_incident(an_event(hazard, measured=(DWELL,))), LANGUAGES, catalogue())
    assert set(words.summary) == set(LANGUAGES)
    assert len(set(words.summary.values())) == len(LANGUAGES)
    assert all("tank-farm" in text and "{" not in text for text in words.summary.values())
    assert words.source == "template"


def test_numbers_have_units_limits_and_the_languages_decimal_sign() -> None:
    assert "H2S 12.5 ppm (limit 10 ppm)" in summary(leak(), "en", catalogue())
    assert "H2S 12,5 ppm (Grenzwert 10 ppm)" in summary(leak(), "de", catalogue())


def test_unknown_occupancy_is_said_in_words() -> None:
    unknown = an_incident(an_event("toxic_gas_exposure", occupied=None))
    assert "unknown, counts as occupied" in summary(unknown, "en", catalogue())
    assert "unbekannt, gilt als besetzt" in summary(unknown, "de", catalogue())


def test_counted_people_are_given_as_a_number() -> None:
    crowd = an_event("crowding", measured=(Measured(name="people", value=6, unit="1"),))
    assert "People seen: 6." in summary(an_incident(crowd), "en", catalogue())


def test_the_other_hazards_of_the_incident_are_named() -> None:
    assert summary(leak(), "en", catalogue()).endswith("Also: Person in restricted zone.")


def test_actions_come_from_the_catalogue_the_leading_kinds_first_and_each_once() -> None:
    known = {a.id for kind in catalogue().values() for a in kind.actions}
    ids = action_ids(leak(), catalogue())
    assert set(ids) <= known
    assert ids[0] == catalogue()["toxic_gas"].actions[0].id
    assert len(set(ids)) == len(ids)


def test_actions_are_given_by_their_ids_in_the_order_asked_for_in_every_language() -> None:
    ids = ("isolate-source", "evacuate-upwind")
    given_actions = localised_actions(ids, ("en", "de"), catalogue())
    assert given_actions["en"][0] == "Isolate the source of the gas from a safe place."
    assert given_actions["de"][1].startswith("Räumen")
    with pytest.raises(KeyError, match="take-a-nap"):
        localised_actions(("take-a-nap",), ("en",), catalogue())


def test_the_template_names_its_actions_and_cites_nothing() -> None:
    words = template(leak(), LANGUAGES, catalogue())
    assert words.actions == localised_actions(words.action_ids, LANGUAGES, catalogue())
    assert (words.actions_by, words.procedures, words.citations) == ("catalogue", "none_given", ())


def test_citations_stand_beside_their_actions() -> None:
    cited = Citation(document="gas.md", section="4.2 Gas alarm", quote="Leave at once.")
    words = template(leak(), ("en",), catalogue()).model_dump() | {"citations": (cited,)}
    with pytest.raises(ValueError, match="1 citations for 6 actions"):
        Words.model_validate(words)


def test_words_that_an_earlier_release_stored_are_still_read() -> None:
    stored = {"summary": {"en": "Look."}, "actions": {"en": ["Go."]}, "source": "template"}
    assert Words.model_validate(stored).action_ids == ()


def test_a_flood_of_text_in_a_subject_stays_within_sixty_words() -> None:
    flooded = an_incident(an_event(subject="a b " * 50, measured=(DWELL,) * 3))
    for language in LANGUAGES:
        assert len(summary(flooded, language, catalogue()).split()) <= MAX_WORDS


@given(incidents, st.sampled_from(LANGUAGES))
def test_the_templates_own_words_pass_the_check(incident: Incident, language: str) -> None:
    text = summary(incident, language, catalogue())
    assert refused(text, incident, language, catalogue()) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Hydrogen sulfide at 12.5 ppm in tank-farm, above the limit of 10 ppm.",
        "H2S reached 12 ppm in tank-farm while a person stood in taped-off.",
        "A person stayed 3.2 seconds in taped-off near h2s-1, seen by gate-1.",
        "At 06:30 toxic gas was measured in tank-farm.",
    ],
)
def test_what_the_evidence_holds_may_be_said(text: str) -> None:
    assert refused(text, leak(), "en", catalogue()) == ""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Toxic gas at 55 ppm was measured in tank-farm.", "55"),
        ("Toxic gas at 12.5 percent was measured in tank-farm.", "12.5 %"),
        ("A person stayed 3.2 minutes in the tank-farm zone.", "3.2 min"),
        ("A person is in tank-farm, level 1: dwell 3.2 s.", "'1'"),
        ("Toxic gas near 12 workers in tank-farm now.", "'12 workers'"),
        ("Toxic gas near three workers in tank-farm now.", "three"),
        ("Toxic gas was seen by camera gate-2 in tank-farm.", "gate-2"),
        ("Toxic gas was found in Building Bravo this morning.", "Building"),
        ("At 07:45 toxic gas was measured in tank-farm.", "07:45"),
        ("The gas level in celsius rises in tank-farm now.", "celsius"),
        ("Gas in tank-farm, but there is no danger to people.", "no danger"),
        ("Gas in tank-farm. This is a false alarm again.", "false alarm"),
        ("Toxic gas after an explosion in tank-farm.", "explosion"),
        ("A person was injured by gas in tank-farm.", "injured"),
        ("A person stands at gate-1/tape-off/track-7 now.", "tape-off"),
        ("Gas in tank-farm is high, gas in tank-farm is high.", "repeats"),
        ("<b>Gas in tank-farm</b> is above the limit.", "markup"),
        ("Gas leak.", "words"),
        ("gas " * 61, "words"),
        ("A person is in restricted zone taped-off.", "leading hazard"),
        ("Toxic gas in tank-farm was measured at", "breaks off"),
        ("Toxic gas in tank-farm has cleared now.", "cleared"),
        ("Toxic gas near tank-farm in kilometer: 12.5 ppm.", "kilometer"),
    ],
)
def test_what_the_evidence_does_not_hold_is_refused_and_named(text: str, named: str) -> None:
    assert named in refused(text, leak(), "en", catalogue())


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "Gaz toxique : trois personnes dans tank-farm, sortez vite."),
        ("de", "Giftiges Gas in tank-farm, sieben Personen sind in der Nähe."),
        ("es", "Gas tóxico en tank-farm, sin peligro para las personas."),
        ("fr", "Gaz toxique et explosion dans tank-farm maintenant."),
        ("de", "Giftiges Gas in tank-farm, eine Person ist verletzt."),
        ("it", "Gas tossico in tank-farm, misurati 99 ppm dal sensore."),
    ],
)
def test_the_check_works_in_every_language(language: str, text: str) -> None:
    assert refused(text, leak(), language, catalogue())


def test_the_names_that_code_gives_to_measures_are_not_shown_to_operators() -> None:
    near = Measured(name="distance_estimated", value=2.2, unit="m", threshold=2.5, source="gate-1")
    incident = an_incident(an_event("person_near_vehicle", measured=(near,)))
    shown = "A person is near a vehicle in tank-farm: distance_estimated 2.2 m."
    assert "distance_estimated" in refused(shown, incident, "en", catalogue())
    plain = "A person is near a vehicle in tank-farm: distance 2.2 m, limit 2.5 m."
    assert refused(plain, incident, "en", catalogue()) == ""


@given(st.integers(14, 10**6))
def test_an_invented_figure_never_passes(value: int) -> None:
    text = f"Toxic gas at {value} ppm was measured in tank-farm."
    assert refused(text, leak(), "en", catalogue())


@given(st.from_regex(r"[a-z]{2,8}-[0-9]{1,3}", fullmatch=True))
def test_an_invented_asset_never_passes(name: str) -> None:
    text = f"Toxic gas was measured by {name} in tank-farm."
    assert (refused(text, leak(), "en", catalogue()) == "") == (
        name in {"h2s-1", "gate-1", "track-7"}
    )
