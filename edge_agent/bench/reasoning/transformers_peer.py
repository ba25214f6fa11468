"""transformers' own `generate()` with the very model object, plain and through llguidance."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, LogitsProcessor, LogitsProcessorList

from edge_agent.bench.reasoning.task import BEGUN, JSON, JSON_BEGUN, JSON_TOKENS, SCHEMA
from models.reasoning.mixtral.engine import MixtralEngine


class Grammar(LogitsProcessor):  # type: ignore[misc]  # transformers' types are not followed
    """A JSON grammar over one generation: tokens that do not fit it get no probability."""

    def __init__(self, matcher: Any, prompt_tokens: int) -> None:
        self._matcher = matcher
        self._taken = prompt_tokens

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The scores of the next token, those that the grammar forbids at minus infinity."""
        for token in input_ids[0, self._taken :].tolist():
            self._matcher.consume_token(token)
        self._taken = input_ids.shape[1]
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        allowed = torch.from_numpy(np.unpackbits(bits, bitorder="little")[: scores.shape[1]])
        return scores.masked_fill(~allowed.bool().to(scores.device), -torch.inf)


class TransformersPeer:
    """See `edge_agent.bench.reasoning.task.Peer`."""

    def __init__(self, engine: MixtralEngine) -> None:
        self._engine = engine
        self._prefix = engine.tokenizer.encode(engine.chat.prefix(JSON)).ids
        self._cache = DynamicCache()
        self._begun = engine.tokens(BEGUN)
        self.grammar = importlib.util.find_spec("llguidance") is not None
        missing = "llguidance is not installed: generation under a grammar was not measured"
        self.notes: tuple[str, ...] = () if self.grammar else (missing,)
        self._guide = self._grammar() if self.grammar else None

    def prepare(self) -> None:
        """See `Peer.prepare`."""
        extra = self._cache.get_seq_length() - len(self._prefix)
        if extra > 0:
            self._cache.crop(-extra)
        elif extra < 0:
            self._cache = DynamicCache()
            tokens = torch.tensor([self._prefix], device=self._engine.device)
            with torch.inference_mode():
                self._engine.model(input_ids=tokens, past_key_values=self._cache, use_cache=True)

    def generate(self, text: str, *, grammar: bool, cached: bool) -> tuple[str, int]:
        """See `Peer.generate`."""
        engine, prompt = self._engine, JSON if grammar else JSON_BEGUN
        whole = engine.chat.prefix(prompt) + text + engine.chat.suffix(prompt)
        ids = torch.tensor([engine.tokenizer.encode(whole).ids], device=engine.device)
        options: dict[str, Any] = {"past_key_values": self._cache} if cached else {}
        given = [] if grammar else self._begun
        limit = JSON_TOKENS - len(given)
        if grammar and self._guide is not None:
            matcher = self._matcher(*self._guide)
            options["logits_processor"] = LogitsProcessorList([Grammar(matcher, ids.shape[1])])
        else:
            options["min_new_tokens"] = limit
        with torch.inference_mode():
            out = engine.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=limit,
                do_sample=False,
                pad_token_id=0,
                **options,
            )
        new = given + out[0, ids.shape[1] :].tolist()
        return engine.tokenizer.decode(new), len(new)

    def _grammar(self) -> tuple[Any, str]:
        from llguidance import LLMatcher, LLTokenizer  # noqa: PLC0415 - where it is installed

        config = self._engine.model.config
        tokenizer = LLTokenizer(
            self._engine.tokenizer.to_str(),
            n_vocab=config.vocab_size,
            eos_token=config.eos_token_id,
        )
        compiled = LLMatcher.grammar_from_json_schema(
            json.dumps(dict(SCHEMA)),
            overrides={
                "whitespace_flexible": False,
                "item_separator": ", ",
                "key_separator": ": ",
            },
        )
        return tokenizer, compiled

    @staticmethod
    def _matcher(tokenizer: Any, compiled: str) -> Any:
        from llguidance import LLMatcher  # noqa: PLC0415 - where it is installed

        return LLMatcher(tokenizer, compiled)
