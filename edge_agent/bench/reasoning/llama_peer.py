"""llama.cpp's own generation, plain and under its JSON grammar."""

from __future__ import annotations

from edge_agent.bench.reasoning.task import BEGUN, JSON, JSON_BEGUN, JSON_TOKENS, SCHEMA
from models.reasoning.llamacpp import LlamaCpp


class LlamaPeer:
    """See `edge_agent.bench.reasoning.task.Peer`."""

    notes: tuple[str, ...] = ()
    grammar = True

    def __init__(self, engine: LlamaCpp) -> None:
        self._engine = engine
        self._begun = len(engine.tokens(BEGUN))

    def prepare(self) -> None:
        """See `Peer.prepare`."""
        self._engine.rewind(JSON)

    def generate(self, text: str, *, grammar: bool, cached: bool) -> tuple[str, int]:
        """See `Peer.generate`."""
        if grammar:
            return self._engine.generate(
                JSON, text, tokens=JSON_TOKENS, schema=SCHEMA, cached=cached
            )
        written, count = self._engine.generate(
            JSON_BEGUN, text, tokens=JSON_TOKENS - self._begun, cached=cached
        )
        return BEGUN + written, self._begun + count
