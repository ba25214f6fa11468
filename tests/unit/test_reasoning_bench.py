"""The reasoning bench's report: ratios are paired by round, the best backend gives each."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from edge_agent.bench.machine import machine
from edge_agent.bench.reasoning.run import RATIOS, summarise
from edge_agent.bench.reasoning.task import MIN_TOKENS, questions, worded
from hazard.errors import HazardError

NUMBER = {"type": "number", "exclusiveMinimum": 0}
REPORT = {
    "type": "object",
    "required": ["at", "machine", "versions", "ratios", "by_backend", "runs", "gpu", "json_tokens"],
    "properties": {
        "machine": {"required": ["cpu", "cores", "memory_gb", "load_before"]},
        "ratios": {"type": "object", "additionalProperties": NUMBER},
        "by_backend": {
            "additionalProperties": {
                "required": ["ratios", "medians_ms", "incident_tokens", "summaries", "notes"],
                "properties": {"ratios": {"additionalProperties": NUMBER}},
            }
        },
        "runs": {
            "additionalProperties": {
                "additionalProperties": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"required": ["case", "ms", "incident_tokens"]},
                }
            }
        },
    },
}
"""What every report has, whatever was measured."""

WAYS = {way for pair in RATIOS.values() for way in pair}


def figures(ms: dict[str, list[float]], **changes: Any) -> dict[str, Any]:
    runs = {
        way: [
            {"case": "a-1", "ms": value, "incident_tokens": 108}
            | ({"generated_tokens": 40} if way.startswith("json") else {})
            for value in ms.get(way, [100.0] * len(next(iter(ms.values()))))
        ]
        for way in WAYS
    }
    fixed = {"loaded_s": 1.0, "rss_mb": 1.0, "static_tokens": {}, "model": {}, "notes": []}
    return {"runs": runs, "words": None} | fixed | changes


def report(**backends: dict[str, Any]) -> dict[str, Any]:
    made = summarise(backends, machine())
    jsonschema.validate(made, REPORT)
    return made


def test_ratios_are_medians_of_the_ratios_of_each_round() -> None:
    ms = {"decide_cached": [10.0, 20.0, 10.0], "decide_uncached": [40.0, 40.0, 90.0]}
    ratios = report(one=figures(ms))["ratios"]
    assert ratios["prefix_cache_speedup"] == 4.0
    assert set(ratios) == set(RATIOS)


def test_the_best_backend_gives_each_ratio_and_both_stand_beside_it() -> None:
    one = figures({"decide_cached": [10.0], "decide_uncached": [40.0], "json_plain": [200.0]})
    two = figures({"decide_cached": [10.0], "decide_uncached": [60.0], "json_plain": [100.0]})
    made = report(one=one, two=two)
    assert made["ratios"]["prefix_cache_speedup"] == 6.0
    assert made["ratios"]["vs_generate_json_speedup"] == 20.0
    assert made["by_backend"]["one"]["ratios"]["prefix_cache_speedup"] == 4.0
    assert made["by_backend"]["two"]["ratios"]["vs_generate_json_speedup"] == 10.0


def test_what_was_not_measured_has_no_ratio() -> None:
    bare = figures({"decide_cached": [10.0]}, notes=["no grammar here"])
    del bare["runs"]["json_grammar"], bare["runs"]["json_grammar_cached"]
    made = report(bare=bare)
    assert "vs_grammar_json_speedup" not in made["ratios"]
    assert made["by_backend"]["bare"]["notes"] == ["no grammar here"]


def test_the_report_names_lengths_and_the_refused() -> None:
    words = {"incidents": 12, "refused": 3, "refused_share": 0.25}
    made = report(one=figures({"decide_cached": [10.0]}, words=words))
    backend = made["by_backend"]["one"]
    assert backend["incident_tokens"] == [108]
    assert backend["generated_tokens"]["json_plain"] == [40]
    assert backend["summaries"]["refused_share"] == 0.25
    assert made["gpu"] is None


def test_only_long_incidents_are_asked_each_another_one() -> None:
    """A letter is a token here."""
    asked = questions(lambda text: [ord(letter) for letter in text], 6)
    assert len({question.case for question in asked}) == 6
    assert all(question.tokens == len(question.text) >= MIN_TOKENS for question in asked)


def test_a_model_for_which_all_incidents_are_short_is_refused() -> None:
    with pytest.raises(HazardError, match="ask for fewer rounds"):
        questions(lambda _: [0], 1)


def test_summaries_are_asked_over_many_kinds_of_hazards() -> None:
    assert len({incident.hazard for incident in worded(12)}) >= 8
