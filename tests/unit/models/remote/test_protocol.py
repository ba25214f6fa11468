"""What is believed of an answer, and what is not."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.errors import ReasonerError
from models.reasoning.engine import Prompt, Scores, UnusableText
from models.reasoning.remote.protocol import Writing, label_of, parsed, scores_of
from tests.openai_server import answer

LABELS = ("info", "low", "medium", "high", "critical")


def scored(value: dict[str, Any]) -> Scores:
    return scores_of(value, LABELS, 12.0)


def shares(scores: Scores) -> dict[str, float]:
    return {label: math.exp(value) for label, value in scores.log_probabilities.items()}


@pytest.mark.parametrize(
    ("token", "label"),
    [
        ("high", "high"),
        (" High", "high"),
        ("\u2581high", "high"),
        ("\u0120HIGH", "high"),
        ('"critical"', "critical"),
        ("**medium", "medium"),
        ("cr", "critical"),
        ("crit", "critical"),
        ("in", "info"),
        ("c", None),
        ("h", None),
        ("", None),
        ("highest", None),
        ("fo", None),
    ],
)
def test_a_token_is_a_label_or_begins_one(token: str, label: str | None) -> None:
    assert label_of(token, LABELS) == label


def test_a_beginning_that_two_labels_share_counts_for_none() -> None:
    assert label_of("med", ("medium", "medical")) is None


def test_tokens_of_one_label_are_added_and_labels_share_what_is_left() -> None:
    said = answer(
        "high", high=0.4, **{" High": 0.1, "hi": 0.1, "low": 0.2, "critical": 0.1, "The": 0.05}
    )
    found = scored(said)
    assert found.measured
    assert shares(found) == pytest.approx(
        {"high": 0.6, "low": 0.2, "critical": 0.1, "info": 0.05, "medium": 0.05}, abs=1e-9
    )
    assert (found.cached_tokens, found.new_tokens, found.prefill_ms) == (100, 20, 12.0)


def test_a_label_that_is_not_listed_gets_no_more_than_the_list_leaves() -> None:
    found = shares(scored(answer("high", high=0.99)))
    assert found["high"] == pytest.approx(0.99 / 1.03)
    assert found["info"] == pytest.approx(0.01 / 1.03)


def test_without_probabilities_the_word_may_only_advise() -> None:
    for word in ("High", " crit"):
        found = scored(answer(word))
        assert not found.measured
        assert max(shares(found).values()) > 0.999
        assert sum(shares(found).values()) == pytest.approx(1.0)
    assert max(shares(found), key=shares(found).__getitem__) == "critical"


def test_where_no_listed_token_is_a_label_the_word_may_only_advise() -> None:
    assert not scored(answer("high", The=0.6, A=0.2)).measured


def test_without_probabilities_and_without_a_label_there_is_no_answer() -> None:
    with pytest.raises(ReasonerError, match="none of info, low, medium, high, critical"):
        scored(answer("Sure! <b>"))
    with pytest.raises(ReasonerError, match="none of"):
        scored({"choices": [{"message": {"content": None}}]})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"token": "high", "logprob": 0.7}, "above one"),
        ({"token": "high", "logprob": "0"}, "no numbers"),
        ({"token": "high", "logprob": None}, "no numbers"),
        ({"token": "high", "logprob": True}, "no numbers"),
        ({"token": 7, "logprob": -1.0}, "no numbers"),
        ({"token": "high", "logprob": -(10**400)}, "no numbers"),
        ("high", "no numbers"),
    ],
)
def test_probabilities_that_cannot_be_true_void_the_answer(entry: Any, said: str) -> None:
    value = answer("high", high=0.5)
    value["choices"][0]["logprobs"]["content"][0]["top_logprobs"].append(entry)
    with pytest.raises(ReasonerError, match=said):
        scored(value)


def test_probabilities_that_add_up_to_more_than_one_void_the_answer() -> None:
    with pytest.raises(ReasonerError, match="more than one"):
        scored(answer("high", high=0.9, low=0.9))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"a": NaN}', b'{"a": -Infinity}', b"[" * 9000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ReasonerError, match="sent"):
        parsed(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=9) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("choices", "message", "content", "logprobs", "top_logprobs", "usage",
                             "token", "logprob", "delta", "timings", "prompt_ms")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)  # fmt: skip


@given(JSON.filter(lambda value: isinstance(value, dict)))
def test_any_answer_gives_scores_or_a_named_error(value: dict[str, Any]) -> None:
    try:
        found = scored(parsed(json.dumps(value).encode()))
    except ReasonerError:
        return
    assert sum(shares(found).values()) == pytest.approx(1.0)


@given(st.lists(JSON, max_size=3), JSON)
def test_any_choices_give_text_or_a_named_error(choices: list[Any], other: Any) -> None:
    writing = Writing(WRITE)
    try:
        writing.take({"choices": choices, "other": other})
        writing.text()
    except ReasonerError:
        pass


WRITE = Prompt("write", "You write.", (("a", '{"summary": "A."}'),), '{"summary": "')


def written(*pieces: str, finish: str = "stop", prompt: Prompt = WRITE) -> str:
    writing = Writing(prompt)
    for piece in pieces:
        if writing.take({"choices": [{"delta": {"content": piece}}]}):
            return writing.text()
    writing.take({"choices": [{"delta": {}, "finish_reason": finish}]})
    return writing.text()


@pytest.mark.parametrize(
    "pieces",
    [
        ('{"summary": "Gas in area-1."}',),
        tuple('{"summary": "Gas in area-1."}'),
        ('{"summ', 'ary":"Gas', " in area-1.", '"}'),
        ('\n{ "summary" : "', 'Gas in area-1.", "x": 1}'),
        ("Gas in area-1.",),
        ('"Gas in area-1."',),
        ("Gas in area-1.\n\nI hope this helps",),
    ],
)
def test_the_text_is_what_stands_between_opening_and_quote_or_line_s_end(
    pieces: tuple[str, ...],
) -> None:
    assert written(*pieces) == "Gas in area-1."


def test_a_text_that_does_not_end_is_unusable() -> None:
    with pytest.raises(UnusableText, match="did not end"):
        written("Gas in area-1 and", finish="length")


@pytest.mark.parametrize("pieces", [("",), ('{"summary": "', '"}'), ("\n",), ('{"summary"',)])
def test_no_text_is_unusable(pieces: tuple[str, ...]) -> None:
    with pytest.raises(UnusableText, match="nothing"):
        written(*pieces)


def test_a_stream_that_breaks_off_with_an_error_is_no_text() -> None:
    with pytest.raises(ReasonerError, match="out of memory"):
        Writing(WRITE).take({"error": {"message": "out of memory"}})
