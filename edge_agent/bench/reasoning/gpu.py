"""The GPU's part: `python -m edge_agent.bench.reasoning.gpu --json FILE`, all in one command.

A model in the shape of Mixtral 8x7B with random weights, made in 4 bits on the device, stands in
for the real one: the same bytes, the same kernels, the same engine. Needs torch, transformers,
triton and bitsandbytes, and of this project nothing but this checkout. `--tiny` runs the same code
with a tiny shape on any device, to try it out.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import DynamicCache, MixtralConfig

from edge_agent.bench.machine import machine, versions
from edge_agent.bench.reasoning.roofline import Hits, Touched, copy_bandwidth, synchronize
from hazard.errors import HazardError
from models.reasoning.chat import INST
from models.reasoning.engine import Prompt
from models.reasoning.mixtral import grouped
from models.reasoning.mixtral.engine import MixtralEngine
from models.reasoning.mixtral.model import Mixtral
from models.reasoning.mixtral.random import Built, build, mixtral_8x7b, whole_bytes

PACKAGES = ("torch", "transformers", "triton", "bitsandbytes", "numpy")
LABELS = ("info", "low", "medium", "high", "critical")
STATIC_TOKENS = 800
NEW_TOKENS = (128, 256, 512)
DECODED_TOKENS = 64
COPIED_BYTES = 2 << 30
TINY_COPIED_BYTES = 64 << 20
DEADLINE_S = 600.0
NO_CLAIM = (
    "a tiny model, to try the code out: its figures say nothing of a roofline, and no ratios are "
    "given"
)
Figures = dict[str, Any]


def tiny() -> MixtralConfig:
    """A shape that any box runs in seconds."""
    return MixtralConfig(
        vocab_size=2048,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        num_local_experts=4,
        num_experts_per_tok=2,
        max_position_embeddings=4096,
    )


def measure(config: MixtralConfig, device: torch.device, *, rounds: int, note: str = "") -> Figures:
    """All figures of a model of this shape; with a `note`, why no claim is made, without ratios.

    Raises:
        HazardError: if making the model takes too much memory, or it fails.
    """
    before = machine()
    gpu = device.type == "cuda"
    bandwidth = copy_bandwidth(device, COPIED_BYTES if gpu else TINY_COPIED_BYTES)
    began = time.perf_counter()
    built = build(config, device)
    synchronize(device)
    built_s = time.perf_counter() - began
    bench = Bench(built.model, device, bandwidth, rounds)
    runs = {"loop": bench.run()}
    experts = grouped.choose(built.model)
    if experts == "grouped":
        runs["grouped"] = bench.run()
    used = runs.get("grouped", runs["loop"])
    return {
        "at": datetime.now(UTC).isoformat(),
        "machine": before | {"gpu": torch.cuda.get_device_name(device) if gpu else None},
        "versions": versions(PACKAGES),
        "note": note,
        "copy_bandwidth_gb_s": round(bandwidth / 1e9, 1),
        "experts": experts,
        "build": _build_figures(built, built_s),
        "ratios": {} if note else _ratios(used),
        "runs": runs,
    }


def _ratios(used: Figures) -> dict[str, float]:
    shares = {
        f"decide_vs_roofline_{tokens}": used["decide"][str(tokens)]["share"]
        for tokens in NEW_TOKENS
    }
    return {
        "decode_vs_roofline": used["decode"]["share"],
        "decide_vs_roofline": used["decide"][str(NEW_TOKENS[0])]["share"],
        **shares,
    }


class Bench:
    """Times of one model, asked as the product asks it."""

    def __init__(self, model: Mixtral, device: torch.device, bandwidth: float, rounds: int) -> None:
        self._model = model
        self._device = device
        self._bandwidth = bandwidth
        self._rounds = rounds
        self._touched = Touched.of(model)
        self._tokenizer = words(model.config.vocab_size)
        self._prompt = Prompt("decide", _text(STATIC_TOKENS), (), "The severity is")

    def run(self) -> Figures:
        """Decisions of each length, and decoding, with the experts as they are computed now."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        engine = MixtralEngine(self._model, self._tokenizer, INST, self._device)
        decide = {str(tokens): self._decide(engine, tokens) for tokens in NEW_TOKENS}
        decode = self._decode(engine)
        return {
            "decide": decide,
            "decode": decode,
            "decoding": engine.decoding,
            "peak_gb": round(_peak_bytes(self._device) / 1e9, 3),
        }

    def _decide(self, engine: MixtralEngine, tokens: int) -> Figures:
        fixed = len(engine.tokens(engine.chat.suffix(self._prompt)))
        text = _text(tokens - fixed)

        def ask() -> tuple[int, int]:
            limit_s = time.monotonic() + DEADLINE_S
            scores = engine.score(self._prompt, text, LABELS, deadline_monotonic_s=limit_s)
            return scores.cached_tokens, scores.new_tokens

        cached, new = ask()
        if new != tokens:
            raise HazardError(f"{new} tokens were computed where {tokens} were meant")
        with Hits(self._model) as hits:
            ask()
        times_s = self._times(ask)
        touched = self._touched.forward(experts=hits.count, context_tokens=cached + new)
        return {"cached_tokens": cached, "new_tokens": new, "experts_hit": hits.count} | (
            self._share(touched, times_s)
        )

    def _decode(self, engine: MixtralEngine) -> Figures:
        """Seconds per token behind a prompt of a decision's length."""
        prompt = torch.arange(STATIC_TOKENS + NEW_TOKENS[0], device=self._device).view(1, -1)
        cache = DynamicCache()
        with torch.inference_mode():
            self._model(
                input_ids=prompt % self._model.config.vocab_size,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )

        def write() -> int:
            return sum(1 for _ in engine.continued([1], cache, DECODED_TOKENS))

        write()
        cache.crop(prompt.shape[1] - cache.get_seq_length())
        times_s = []
        for _ in range(self._rounds):
            synchronize(self._device)
            began = time.perf_counter()
            count = write()
            times_s.append((time.perf_counter() - began) / count)
            cache.crop(prompt.shape[1] - cache.get_seq_length())
        config = self._model.config
        touched = self._touched.forward(
            experts=config.num_hidden_layers * config.num_experts_per_tok,
            context_tokens=prompt.shape[1] + DECODED_TOKENS // 2,
        )
        figures = self._share(touched, times_s)
        return {"tokens_per_s": round(1 / statistics.median(times_s), 2), **figures}

    def _times(self, ask: Callable[[], object]) -> list[float]:
        times_s = []
        for _ in range(self._rounds):
            synchronize(self._device)
            began = time.perf_counter()
            ask()
            times_s.append(time.perf_counter() - began)
        return times_s

    def _share(self, touched_bytes: int, times_s: Iterable[float]) -> Figures:
        """The median time beside the least that the memory allows."""
        all_s = sorted(times_s)
        median_s, floor_s = statistics.median(all_s), touched_bytes / self._bandwidth
        return {
            "ms": round(median_s * 1000, 3),
            "ms_all": [round(each * 1000, 3) for each in all_s],
            "touched_gb": round(touched_bytes / 1e9, 4),
            "roofline_ms": round(floor_s * 1000, 3),
            "share": round(floor_s / median_s, 4),
        }


def words(vocabulary: int) -> Tokenizer:
    """A tokenizer in which each word is one token: random weights have no language anyway."""
    names = ["unknown", *LABELS]
    table = {name: number for number, name in enumerate(names)}
    table |= {f"w{number}": number for number in range(len(names), vocabulary)}
    made = Tokenizer(models.WordLevel(table, unk_token=names[0]))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made


def _text(count: int) -> str:
    return " ".join(f"w{10 + number % 1000}" for number in range(count))


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _build_figures(built: Built, seconds: float) -> Figures:
    return {
        "seconds": round(seconds, 1),
        "weights_gb": round(built.weights_bytes / 1e9, 3),
        "peak_gb": round(built.peak_bytes / 1e9, 3),
        "limit_gb": round(built.limit_bytes / 1e9, 3),
        "in_bf16_gb": round(whole_bytes(built.model) / 1e9, 3),
        "layers": built.model.config.num_hidden_layers,
    }


def show(report: Figures) -> Iterable[str]:
    """The figures as lines, each time with the roofline next to it."""
    yield f"{report['machine']['gpu'] or report['machine']['cpu']} {report['note']}".rstrip()
    yield f"copy bandwidth {report['copy_bandwidth_gb_s']} GB/s; experts: {report['experts']}"
    yield f"built: {report['build']}"
    for how, run in report["runs"].items():
        lines = [(f"decide {tokens} tokens", run["decide"][tokens]) for tokens in run["decide"]]
        lines.append((f"decode, {run['decode']['tokens_per_s']} tokens/s", run["decode"]))
        for name, figures in lines:
            yield (
                f"{how:8s} {name:28s} {figures['ms']:9.2f} ms, roofline "
                f"{figures['roofline_ms']:8.2f} ms, share {figures['share']:.3f}"
            )
        yield f"{how:8s} peak {run['peak_gb']} GB; decoding: {run['decoding']}"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write the JSON."""
    parser = argparse.ArgumentParser(prog="edge_agent.bench.reasoning.gpu", description=__doc__)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--rounds", type=int, default=5, help="rounds per figure")
    parser.add_argument("--layers", type=int, default=32, help="of the 32 layers, for small GPUs")
    parser.add_argument("--tiny", action="store_true", help="a tiny model, on a CPU too")
    asked = parser.parse_args(arguments)
    gpu = torch.cuda.is_available()
    if not gpu and not asked.tiny:
        print(  # noqa: T201
            "torch sees no GPU: install torch for CUDA, or try the code out with --tiny",
            file=sys.stderr,
        )
        return 1
    config = tiny() if asked.tiny else mixtral_8x7b(layers=asked.layers)
    device = torch.device("cuda", 0) if gpu else torch.device("cpu")
    try:
        note = NO_CLAIM if asked.tiny else ""
        report = measure(config, device, rounds=asked.rounds, note=note)
    except HazardError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    for line in show(report):
        print(line)  # noqa: T201
    if asked.json is not None:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
