"""The writer: the model fills a slot and orders letters; everything else is ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hazard.catalogue import catalogue
from hazard.errors import Interrupted, ReasonerError
from hazard.triage.words import action_ids, localised_actions, summary, template
from hazard.types import Incident, Measured, Words
from models.reasoning.engine import Prompt, Scores, UnusableText
from models.reasoning.procedures import Procedures
from models.reasoning.words import MARGIN_S, NEUTRAL, Writer, chosen_of
from tests.incidents import an_event, an_incident, gas

GOOD = "Toxic gas in tank-farm: 12 ppm, limit 10 ppm."
FRENCH = "Gaz toxique, secteur tank-farm : 12 ppm, limite 10 ppm."
LANGUAGES = ("en", "fr", "de", "es", "it")
LATER_S = 100.0


@dataclass
class Script:
    """An engine that answers from a script and keeps what it was asked.

    Attributes:
        texts: the answer by the language that the prompt asks for; an error is raised.
        letters: probability of each letter for an incident.
        neutral: the same where nothing is known; absent: all alike.
        seconds: how far each question moves the clock.
    """

    texts: Mapping[str, str | Exception] = field(default_factory=dict)
    letters: Mapping[str, float] | Exception = field(default_factory=dict)
    neutral: Mapping[str, float] = field(default_factory=dict)
    measured: bool = True
    seconds: float = 0.5
    now_s: float = 0.0
    written: list[tuple[Prompt, str]] = field(default_factory=list)
    scored: list[tuple[Prompt, str, tuple[str, ...]]] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now_s

    def score(
        self, prompt: Prompt, text: str, labels: Sequence[str], *, deadline_monotonic_s: float
    ) -> Scores:
        self.now_s += self.seconds
        self.scored.append((prompt, text, tuple(labels)))
        self.deadlines.append(deadline_monotonic_s)
        if isinstance(self.letters, Exception):
            raise self.letters
        shares = self.neutral if text.startswith(NEUTRAL) else self.letters
        found = {label: math.log(shares.get(label, 1.0 / len(labels))) for label in labels}
        return Scores(found, 0, 100, 1.0, self.measured)

    def write(
        self,
        prompt: Prompt,
        text: str,
        *,
        max_tokens: int,
        deadline_monotonic_s: float,
        stop: Callable[[], bool],
    ) -> str:
        assert max_tokens > 0
        self.now_s += self.seconds
        self.written.append((prompt, text))
        self.deadlines.append(deadline_monotonic_s)
        if stop():
            raise Interrupted("words gave way to a decision")
        language = text.split(".", 1)[0].removeprefix("Write in ")
        answer = self.texts[language]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Nothing is held."""


def words_of(
    engine: Script,
    incident: Incident | None = None,
    writes: Sequence[str] = ("en",),
    languages: Sequence[str] = ("en",),
    deadline_s: float = LATER_S,
) -> tuple[Words, Writer]:
    writer = Writer(engine, writes, clock=engine.clock)
    words = writer.write(
        incident or an_incident(gas()), "high", languages, deadline_s, lambda: False
    )
    return words, writer


# ---------------------------------------------------------------- summaries


def test_each_language_is_asked_for_and_the_template_stands_for_those_it_does_not_write() -> None:
    incident = an_incident(gas())
    engine = Script({"English": GOOD, "French": FRENCH})
    words, writer = words_of(engine, incident, ("en", "fr"), LANGUAGES)
    assert (words.summary["en"], words.summary["fr"]) == (GOOD, FRENCH)
    assert words.summary["de"] == summary(incident, "de", catalogue())
    assert (words.source, words.written) == ("model", ("en", "fr"))
    assert words.note == "de, es, it: this model does not write it"
    assert (writer.counts.generated, writer.counts.refused) == (2, 0)


def test_one_static_prompt_serves_all_languages_and_incidents() -> None:
    engine = Script({"English": GOOD, "French": FRENCH})
    words_of(engine, writes=("en", "fr"), languages=("en", "fr"))
    words_of(engine, an_incident(gas(14.0)), ("en", "fr"), ("en", "fr"))
    assert len({prompt.sha256 for prompt, _ in engine.written}) == 1
    assert engine.written[0][0].answer_begins == '{"summary": "'
    assert [text.split("\n")[0] for _, text in engine.written[:2]] == [
        "Write in English.",
        "Write in French.",
    ]


def test_what_the_evidence_does_not_hold_is_replaced_by_the_template_with_the_reason() -> None:
    incident = an_incident(gas())
    engine = Script({"English": "Toxic gas in tank-farm: 55 ppm.", "French": FRENCH})
    words, writer = words_of(engine, incident, ("en", "fr"), ("en", "fr"))
    assert words.summary["en"] == summary(incident, "en", catalogue())
    assert words.written == ("fr",)
    assert words.note == (
        "en: the model's summary was refused: the number '55' is not in the evidence"
    )
    assert (writer.counts.generated, writer.counts.refused) == (2, 1)
    assert writer.counts.refused_share == 0.5


def test_a_summary_of_more_than_sixty_words_is_refused() -> None:
    words, _ = words_of(Script({"English": " ".join(f"gas{'s' * n}" for n in range(61)) + "."}))
    assert words.source == "template"
    assert "it has 61 words" in words.note


def test_a_text_that_does_not_end_is_no_summary() -> None:
    words, writer = words_of(Script({"English": UnusableText("it rambled")}))
    assert words.source == "template"
    assert "it rambled" in words.note
    assert (writer.counts.generated, writer.counts.rambled) == (0, 1)
    assert writer.counts.refused_share is None


def test_a_broken_model_is_said_so_that_its_health_shows_it() -> None:
    with pytest.raises(ReasonerError, match="no memory"):
        words_of(Script({"English": ReasonerError("no memory")}))


def test_out_of_time_gives_the_template_before_the_deadline() -> None:
    engine = Script({"English": ReasonerError("out of time")}, seconds=9.9)
    words, _ = words_of(engine, languages=("en", "de"), writes=("en", "de"), deadline_s=10.0)
    assert words.source == "template"
    assert words.actions_by == "catalogue"
    assert "no time was left" in words.note
    assert len(engine.written) == 1
    assert engine.deadlines == [10.0 - MARGIN_S]


def test_a_decision_interrupts_and_nothing_is_lost_in_the_counts() -> None:
    engine = Script({"English": GOOD})
    writer = Writer(engine, ("en",), clock=engine.clock)
    asked = iter((False, False, True, True))
    with pytest.raises(Interrupted):
        writer.write(an_incident(gas()), "high", ("en",), LATER_S, lambda: next(asked))
    assert engine.scored == []


# ---------------------------------------------------------------- actions


def test_the_model_orders_the_catalogues_actions_and_can_name_no_other() -> None:
    engine = Script({"English": GOOD}, letters={"A": 0.2, "B": 0.1, "C": 0.4, "D": 0.3})
    words, writer = words_of(engine, languages=("en", "de"))
    ids = action_ids(an_incident(gas()), catalogue())
    assert words.action_ids == (ids[0], ids[2], ids[3], ids[1])
    assert words.actions == localised_actions(words.action_ids, ("en", "de"), catalogue())
    assert words.actions_by == "model"
    assert writer.counts.ordered == 1
    prompt, text, letters = engine.scored[-1]
    assert letters == ("A", "B", "C", "D")
    assert "C. Isolate the source of the gas from a safe place." in text
    assert prompt.task == "order"


def test_what_it_prefers_without_an_incident_is_divided_out_and_asked_once() -> None:
    engine = Script(
        {"English": GOOD},
        letters={"A": 0.6, "B": 0.2, "C": 0.1, "D": 0.1},
        neutral={"A": 0.9, "B": 0.05, "C": 0.04, "D": 0.01},
    )
    words, writer = words_of(engine)
    ids = action_ids(an_incident(gas()), catalogue())
    assert words.action_ids == (ids[0], ids[3], ids[1], ids[2])
    writer.write(an_incident(gas(40.0)), "high", ("en",), LATER_S, lambda: False)
    assert [text.startswith(NEUTRAL) for _, text, _ in engine.scored] == [True, False, False]


def test_unlikely_actions_are_left_out_and_the_catalogues_first_stays_first() -> None:
    ids = ("evacuate", "call", "isolate", "fight")
    shares = {"evacuate": 0.001, "call": 0.9, "isolate": 0.09, "fight": 0.009}
    logs = {one: math.log(share) for one, share in shares.items()}
    assert chosen_of(ids, logs) == ("evacuate", "call", "isolate")
    sure = {one: math.log(0.997 if one == "evacuate" else 0.001) for one in ids}
    assert chosen_of(ids, sure) == ("evacuate", "call")


def test_a_backend_without_probabilities_puts_one_second_and_drops_none() -> None:
    engine = Script({"English": GOOD}, letters={"A": 0.01, "C": 0.97}, measured=False)
    words, _ = words_of(engine)
    ids = action_ids(an_incident(gas()), catalogue())
    assert words.action_ids == (ids[0], ids[2], ids[1], ids[3])


@pytest.mark.parametrize("left_s", [0.1, 3.0])
def test_with_too_little_time_the_catalogues_order_stands(left_s: float) -> None:
    engine = Script({"English": GOOD})
    words, writer = words_of(engine, deadline_s=engine.seconds + MARGIN_S + left_s)
    assert words.written == ("en",)
    assert words.action_ids == template(an_incident(gas()), ("en",), catalogue()).action_ids
    assert (words.actions_by, engine.scored) == ("catalogue", [])
    assert writer.counts.unordered == 1


def test_a_model_that_cannot_score_leaves_the_catalogues_order() -> None:
    words, _ = words_of(Script({"English": GOOD}, letters=ReasonerError("not one token")))
    assert (words.actions_by, words.written) == ("catalogue", ("en",))


def test_an_incident_of_an_unknown_kind_has_words_without_actions() -> None:
    engine = Script({"English": "A hazard of an unknown kind is in tank-farm."})
    words, _ = words_of(engine, an_incident(an_event("never_heard_of")))
    assert (words.action_ids, words.actions, engine.scored) == ((), {"en": ()}, [])


# ---------------------------------------------------------------- procedures and names


def test_each_action_cites_a_clause_or_says_that_none_was_found(tmp_path: Path) -> None:
    (tmp_path / "gas.md").write_text(
        "# Gas alarm\n\n- Isolate the source of the gas with valve V-12.\n"
    )
    engine = Script({"English": GOOD}, letters={"A": 0.3, "B": 0.1, "C": 0.5, "D": 0.1})
    writer = Writer(engine, ("en",), Procedures(tmp_path), clock=engine.clock)
    words = writer.write(an_incident(gas()), "high", ("en",), LATER_S, lambda: False)
    assert words.procedures == "searched"
    first, second, *others = words.citations
    assert second is not None
    assert second.quote == "Isolate the source of the gas with valve V-12."
    assert [first, *others] == [None, None, None]
    assert not any("V-12" in text for _, text, *_ in (*engine.written, *engine.scored))
    assert writer.figures()["procedures_documents"] == 1


def test_without_procedures_none_are_cited() -> None:
    words, _ = words_of(Script({"English": GOOD}))
    assert (words.procedures, words.citations) == ("none_given", ())


@dataclass
class Hidden:
    """An incident whose area is hidden from a remote model."""

    incident: Incident

    def restore(self, text: str) -> str:
        return text.replace("area-1", "tank-farm")


def hide(incident: Incident) -> Hidden:
    events = [event.model_copy(update={"area": "area-1"}) for event in incident.events]
    return Hidden(incident.model_copy(update={"area": "area-1", "events": tuple(events)}))


def test_a_remote_model_sees_no_names_and_the_check_is_made_on_the_restored_text() -> None:
    engine = Script({"English": "Toxic gas in area-1: 12 ppm, limit 10 ppm."})
    writer = Writer(engine, ("en",), redact=hide, clock=engine.clock)
    words = writer.write(an_incident(gas()), "high", ("en",), LATER_S, lambda: False)
    assert words.summary["en"] == GOOD
    asked = [text for _, text, *_ in (*engine.written, *engine.scored)]
    assert asked
    assert not any("tank-farm" in text for text in asked)


def test_the_figures_name_what_was_generated_and_refused() -> None:
    near = Measured(name="distance", value=1.4, unit="m", threshold=2.5, source="gate-1")
    incident = an_incident(an_event("person_near_vehicle", measured=(near,)))
    _, writer = words_of(Script({"English": "A person is near a vehicle: 9 m."}), incident)
    figures = writer.figures()
    assert (figures["summaries_generated"], figures["summaries_refused"]) == (1, 1)
