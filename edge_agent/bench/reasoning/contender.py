"""One backend in a process of its own: `python -m edge_agent.bench.reasoning.contender`.

Reads a job from standard input (JSON) and writes one line of figures to standard output. Ours and
the peers use the same model object, so that nothing but the way of asking differs.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_agent.bench.reasoning.task import (
    DEADLINE_S,
    DECIDE,
    JSON,
    Peer,
    Question,
    questions,
    worded,
)
from edge_agent.reasoner.backends import load
from hazard.errors import HazardError
from hazard.site.reasoning import Reasoning
from models.reasoning.judge import LanguageReasoner
from models.reasoning.prompt import LABELS

Figures = dict[str, Any]
REFUSED = "the model's summary was refused"


class Contest:
    """The ways of asking one loaded model."""

    def __init__(self, reasoner: LanguageReasoner) -> None:
        self.reasoner = reasoner
        self.engine: Any = reasoner.engine
        self.peer = peer_of(self.engine)
        self.ways: dict[str, Callable[[Question], Figures]] = {
            "decide_cached": lambda question: self._decide(question, cached=True),
            "decide_uncached": lambda question: self._decide(question, cached=False),
            "json_plain": lambda question: self._write(question, grammar=False, cached=False),
            "json_plain_cached": lambda question: self._write(question, grammar=False, cached=True),
        }
        if self.peer.grammar:
            self.ways |= {
                "json_grammar": lambda q: self._write(q, grammar=True, cached=False),
                "json_grammar_cached": lambda q: self._write(q, grammar=True, cached=True),
            }

    def rounds(self, count: int) -> dict[str, list[Figures]]:
        """Figures by way; each round asks another incident, and the order alternates."""
        asked = questions(self.engine.tokens, count + 1)
        for way in self.ways.values():
            way(asked[-1])
        runs: dict[str, list[Figures]] = {name: [] for name in self.ways}
        for number, question in enumerate(asked[:-1]):
            order = list(self.ways) if number % 2 == 0 else list(reversed(self.ways))
            for name in order:
                figures = self.ways[name](question)
                runs[name].append({"case": question.case, **figures})
        return runs

    def words(self, count: int) -> Figures:
        """The share of generated summaries that the check against the evidence refused."""
        refused: list[str] = []
        times_s = []
        for incident in worded(count):
            began = time.perf_counter()
            words = self.reasoner.write(incident, "high", ["en"], time.monotonic() + DEADLINE_S)
            times_s.append(time.perf_counter() - began)
            if words.source == "template":
                refused.append(words.note.removeprefix(f"{REFUSED}: "))
        return {
            "incidents": count,
            "refused": len(refused),
            "refused_share": round(len(refused) / count, 3),
            "why": refused,
            "seconds_each": round(sum(times_s) / count, 2),
        }

    def _decide(self, question: Question, *, cached: bool) -> Figures:
        began = time.perf_counter()
        scores = self.engine.score(
            DECIDE,
            question.text,
            LABELS,
            deadline_monotonic_s=time.monotonic() + DEADLINE_S,
            cached=cached,
        )
        took_ms = (time.perf_counter() - began) * 1000
        return {
            "ms": round(took_ms, 1),
            "incident_tokens": question.tokens,
            "cached_tokens": scores.cached_tokens,
            "computed_tokens": scores.new_tokens,
        }

    def _write(self, question: Question, *, grammar: bool, cached: bool) -> Figures:
        if cached:
            self.peer.prepare()
        began = time.perf_counter()
        text, tokens = self.peer.generate(question.text, grammar=grammar, cached=cached)
        took_ms = (time.perf_counter() - began) * 1000
        return {
            "ms": round(took_ms, 1),
            "incident_tokens": question.tokens,
            "generated_tokens": tokens,
            "text": text,
        }


def peer_of(engine: object) -> Peer:
    """The peer that uses this engine's model.

    Raises:
        HazardError: if there is none for this kind of engine.
    """
    kind = type(engine).__name__
    if kind == "LlamaCpp":
        from edge_agent.bench.reasoning.llama_peer import LlamaPeer  # noqa: PLC0415

        return LlamaPeer(engine)  # type: ignore[arg-type]
    if kind == "MixtralEngine":
        from edge_agent.bench.reasoning.transformers_peer import (  # noqa: PLC0415
            TransformersPeer,
        )

        return TransformersPeer(engine)  # type: ignore[arg-type]
    raise HazardError(f"there is no peer to measure a {kind} against: name a local backend")


def run(job: dict[str, Any]) -> Figures:
    """All figures of one backend.

    Raises:
        HazardError: if it does not load, or fails.
    """
    began = time.perf_counter()
    config = Reasoning(backend=job["backend"], model=job["model"])
    reasoner = load(config, Path(job["models_dir"])).reasoner
    if not isinstance(reasoner, LanguageReasoner):
        raise HazardError(f"{job['backend']} has no model of its own to measure")
    loaded_s = time.perf_counter() - began
    contest = Contest(reasoner)
    runs = contest.rounds(job["rounds"])
    words = contest.words(job["words"]) if job["words"] else None
    static = {
        prompt.task: len(contest.engine.tokens(contest.engine.chat.prefix(prompt)))
        for prompt in (DECIDE, JSON)
    }
    known = reasoner.provenance()
    reasoner.close()
    return {
        "loaded_s": round(loaded_s, 2),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "static_tokens": static,
        "model": {key: known[key] for key in ("quantization", "threads", "device") if key in known},
        "notes": list(contest.peer.notes),
        "runs": runs,
        "words": words,
    }


def main() -> int:
    """Run the job on standard input."""
    job = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(2, 1)
    try:
        figures = run(job)
    except HazardError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the parent shows it
        return 1
    os.write(out, (json.dumps(figures) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
