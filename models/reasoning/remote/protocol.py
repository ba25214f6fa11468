"""OpenAI's chat completions: what is asked, and what is believed of an answer. No I/O.

An answer comes from another machine: it is checked before it counts. Probabilities that are no
numbers, are above one, or add up to more than one make it void.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeGuard

from hazard.errors import ReasonerError
from hazard.triage.render import clean
from models.reasoning.engine import Prompt, Scores, UnusableText, normalised

TOP_LOGPROBS = 20
"""The most that OpenAI's API and vLLM (`--max-logprobs`) give by default."""

EXTRAS: tuple[Mapping[str, Any], ...] = (
    {"seed": 1, "logprobs": True, "top_logprobs": TOP_LOGPROBS},
    {"logprobs": True, "top_logprobs": TOP_LOGPROBS},
    {},
)
"""What is asked beside the text, from all to nothing: Mistral's API refuses keys that it does not
know (HTTP 422, also for `seed`), and such a server is asked again with less."""

MIN_PREFIX = 2
"""Letters by which the beginning of a label is told: `cr` is critical, `h` is nothing."""

_OPENING_TOKENS = 16
"""The opening words of the answer, which a server writes itself and a local engine is given."""

_LEAST = 1e-6
"""Probability of each label but the one that a server named without giving any probabilities."""

_HUGE = 1e12

_TOLERANCE = 1e-2
"""Probabilities are rounded on their way; a sum above one by more than this is a lie."""

_SIGNS = " \t\r\n\"'*`.\u2581\u0120"
"""What may stand around a label in a token: quotes, markup, and vocabularies' signs of a space."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Who gave the last answer, for its record.

    Attributes:
        route: name in the site file.
        public: whether that route is a public one.
        model: the model that was asked for.
        served_model: the model that the server says it is; its word, not checked.
        fingerprint: `system_fingerprint` of the server, empty if it gives none.
    """

    route: str
    public: bool
    model: str
    served_model: str = ""
    fingerprint: str = ""

    @property
    def same_model(self) -> str:
        """What tells one model on one server from another: the server's own words, hashed."""
        parts = (self.route, self.model, self.served_model, self.fingerprint)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def provenance(self) -> dict[str, str]:
        """As texts for a record."""
        return {
            "route": self.route,
            "route_public": str(self.public).lower(),
            "model": self.model,
            "served_model": self.served_model,
            "system_fingerprint": self.fingerprint,
        }


def messages(prompt: Prompt, turn: str) -> list[dict[str, str]]:
    """System, examples and the user's turn."""
    examples = [
        {"role": role, "content": content}
        for pair in prompt.examples
        for role, content in zip(("user", "assistant"), pair, strict=True)
    ]
    return [
        {"role": "system", "content": prompt.system},
        *examples,
        {"role": "user", "content": turn},
    ]


def scoring_turn(text: str, labels: Sequence[str]) -> str:
    """The incident, and a line that asks for one of the labels."""
    return f"{text}\nAnswer with exactly one word: {', '.join(labels)}."


def scoring_body(
    model: str, prompt: Prompt, turn: str, extras: Mapping[str, Any]
) -> dict[str, Any]:
    """A request for one token with the probabilities of the likeliest ones."""
    return {
        "model": model,
        "messages": messages(prompt, turn),
        "max_tokens": 1,
        "temperature": 0,
        "stream": False,
        **extras,
    }


def writing_body(
    model: str, prompt: Prompt, turn: str, max_tokens: int, extras: Mapping[str, Any]
) -> dict[str, Any]:
    """A request for text, token by token."""
    return {
        "model": model,
        "messages": messages(prompt, turn),
        "max_tokens": max_tokens + (_OPENING_TOKENS if prompt.answer_begins else 0),
        "temperature": 0,
        "stream": True,
        **{key: value for key, value in extras.items() if key == "seed"},
    }


def parsed(raw: bytes) -> dict[str, Any]:
    """A JSON object; NaN and Infinity, which JSON has not, are refused.

    Raises:
        ReasonerError: if it is none.
    """
    try:
        value = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ReasonerError(f"sent no JSON ({shown(str(error))})") from error
    if not isinstance(value, dict):
        raise ReasonerError("sent JSON that is no object")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def scores_of(answer: Mapping[str, Any], labels: Sequence[str], elapsed_ms: float) -> Scores:
    """The labels' scores; not measured where the server gave a word and no probabilities.

    Raises:
        ReasonerError: if it names no label, or its probabilities cannot be true.
    """
    choice = _choice(answer)
    cached, new = _tokens(answer)
    timings = answer.get("timings")  # llama.cpp's own
    told = timings.get("prompt_ms") if isinstance(timings, dict) else None
    prefill_ms = float(told) if _is_number(told) and told >= 0.0 else elapsed_ms
    weights = _weights(_top(choice), labels)
    if weights:
        return Scores(normalised(weights), cached, new, prefill_ms)
    word = _content(choice)
    label = label_of(word, labels)
    if label is None:
        raise ReasonerError(f"answered {clean(word, 20)!r}, which is none of {', '.join(labels)}")
    one_hot = {name: math.log(_LEAST) if name != label else 0.0 for name in labels}
    return Scores(normalised(one_hot), cached, new, prefill_ms, measured=False)


def label_of(token: str, labels: Sequence[str]) -> str | None:
    """The label that a token is, or begins and no other does."""
    folded = token.strip(_SIGNS).casefold()
    if folded in labels:
        return folded
    meant = [label for label in labels if label.startswith(folded)]
    return meant[0] if len(folded) >= MIN_PREFIX and len(meant) == 1 else None


def _weights(top: Sequence[tuple[str, float]], labels: Sequence[str]) -> dict[str, float]:
    """Log-probability of each label; empty if the list has none of them.

    A label that is not listed gets the smallest listed probability, which it cannot exceed, and no
    more than what the list leaves of the whole.
    """
    listed = math.fsum(math.exp(value) for _, value in top)
    if listed > 1.0 + _TOLERANCE:
        raise ReasonerError("sent probabilities that add up to more than one")
    found: dict[str, list[float]] = {}
    for token, value in top:
        label = label_of(token, labels)
        if label is not None:
            found.setdefault(label, []).append(value)
    if not found:
        return {}
    rest = math.log(max(1.0 - listed, _LEAST))
    least = min(rest, *(value for _, value in top))
    return {label: _log_sum(found[label]) if label in found else least for label in labels}


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(math.fsum(math.exp(value - top) for value in values))


def _top(choice: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Tokens with log-probabilities; empty where the server gives none."""
    try:
        listed = choice["logprobs"]["content"][0]["top_logprobs"]
    except (KeyError, IndexError, TypeError):
        return []
    if not isinstance(listed, list):
        return []
    return [_entry(item) for item in listed[: 4 * TOP_LOGPROBS]]


def _entry(item: Any) -> tuple[str, float]:
    token, value = (
        (item.get("token"), item.get("logprob")) if isinstance(item, dict) else (None, None)
    )
    if not isinstance(token, str) or not _is_number(value):
        raise ReasonerError("sent log-probabilities that are no numbers")
    if value > _TOLERANCE:
        raise ReasonerError("sent a probability above one")
    return token, min(float(value), 0.0)


def _is_number(value: Any) -> TypeGuard[float]:
    """A finite number of a size that a probability's logarithm, a count or a time may have."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -_HUGE < value < _HUGE


def _tokens(answer: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens from the cache, and the others of the prompt; 0 where the server does not say."""
    usage = answer.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens") if isinstance(details, dict) else 0)
    return cached, max(_count(usage.get("prompt_tokens")) - cached, 0)


def _count(value: Any) -> int:
    return int(value) if _is_number(value) and 0 <= value < 1e9 else 0  # noqa: PLR2004 - a bound


def _choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ReasonerError("sent an answer without choices")
    return choices[0]


def _content(choice: Mapping[str, Any]) -> str:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""


class Writing:
    """Collects a written answer: what follows the opening words, up to a quote or line's end."""

    def __init__(self, prompt: Prompt) -> None:
        self._opening = "".join(prompt.answer_begins.split())
        self._opened = re.compile(r"\s*".join(map(re.escape, self._opening)))
        self._raw = ""
        self._finish = ""

    def take(self, chunk: Mapping[str, Any]) -> bool:
        """Add one chunk of the stream, or a whole answer; True when the text has ended."""
        choices = chunk.get("choices")
        if "error" in chunk:
            raise ReasonerError(f"broke off: {shown(str(chunk['error']))}")
        if not isinstance(choices, list) or not choices:
            return False  # usage only
        choice = _choice(chunk)
        delta = choice.get("delta")
        content = delta.get("content") if isinstance(delta, dict) else _content(choice)
        self._raw += content if isinstance(content, str) else ""
        self._finish = str(choice.get("finish_reason") or "")
        return bool(self._finish) or self._body()[1]

    def text(self) -> str:
        """The text.

        Raises:
            UnusableText: if it did not end, or there is none.
        """
        body, ended = self._body()
        if not ended and self._finish != "stop":
            raise UnusableText("the text did not end within its tokens")
        if not body.strip():
            raise UnusableText("the model wrote nothing")
        return body.strip()

    def _body(self) -> tuple[str, bool]:
        """What has been written so far, and whether it has ended by itself."""
        raw = self._raw.lstrip()
        if self._opening.startswith("".join(raw.split())) and self._opening:
            return "", False
        opened = self._opened.match(raw)
        raw = (raw[opened.end() :] if opened else raw.lstrip('"')).lstrip()
        ends = [at for sign in ('"', "\n") if (at := raw.find(sign)) >= 0]
        return (raw[: min(ends)], True) if ends else (raw, False)


def answered(route: str, model: str, answer: Mapping[str, Any], *, public: bool) -> Answered:
    """Who gave this answer."""
    return Answered(
        route=route,
        public=public,
        model=model,
        served_model=shown(answer.get("model")),
        fingerprint=shown(answer.get("system_fingerprint")),
    )


def shown(text: Any, limit: int = 120) -> str:
    """Text of a server as it may be shown: one line, bounded, harmless; empty if it is no text."""
    if not isinstance(text, str) or not any(char.isalnum() for char in text):
        return ""
    return clean(text, limit)
