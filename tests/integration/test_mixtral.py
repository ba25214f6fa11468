"""Mixtral in 4 bits: routing, bytes, loading and refusals, on a tiny random model and SmolLM2's."""

# ruff: noqa: PLC0415 - torch and what needs it are there only with the reasoning extra

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.mixtrals import a_config, publish
from tests.programs import require_weights

try:
    import torch
except ImportError:  # without the extra the marker says that these were not run
    torch = None
pytestmark = pytest.mark.heavy

TOLERANCE_NF4 = 0.5
"""Root mean square of the difference of the tiny model's logits, in units of their spread. Random
weights are the hardest case there is: 4 bits keep about 9 % of error in each layer's weights."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(tmp_path_factory.mktemp("mixtral"), a_config())


@pytest.fixture
def tokens() -> Any:
    return torch.arange(5, 29).reshape(1, -1)


def logits(model: Any, tokens: Any) -> Any:
    with torch.inference_mode():
        return model(tokens).logits


def test_routing_equals_a_dense_reference(folder: Path) -> None:
    """Every expert runs on every token here, and the two best are mixed by their own softmax."""
    from models.reasoning.mixtral.checkpoint import Checkpoint
    from models.reasoning.mixtral.load import load

    moe = load(Checkpoint(folder), torch.device("cpu"), four_bit=False).model.layers[0].mlp
    states = torch.randn(2, 7, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        every = torch.stack([expert(states) for expert in moe.experts], dim=-2)
        scores = moe.gate(states)
        best = scores.topk(2, dim=-1)
        weights = torch.zeros_like(scores).scatter(-1, best.indices, best.values.softmax(-1))
        expected = (every * weights.unsqueeze(-1)).sum(-2)
        torch.testing.assert_close(moe(states), expected, rtol=1e-4, atol=1e-5)


def test_the_unquantized_model_says_what_transformers_says(folder: Path, tokens: Any) -> None:
    from transformers import MixtralForCausalLM

    from models.reasoning.mixtral.checkpoint import Checkpoint
    from models.reasoning.mixtral.load import load

    ours = logits(load(Checkpoint(folder), torch.device("cpu"), four_bit=False), tokens)
    peer = MixtralForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    torch.testing.assert_close(ours, logits(peer, tokens), rtol=1e-3, atol=1e-4)


def test_experts_are_in_4_bits_and_say_nearly_the_same(folder: Path, tokens: Any) -> None:
    from models.reasoning.mixtral.checkpoint import Checkpoint
    from models.reasoning.mixtral.load import load, require_four_bit

    cpu = torch.device("cpu")
    whole = load(Checkpoint(folder), cpu, four_bit=False)
    packed = load(Checkpoint(folder), cpu)
    sizes = require_four_bit(packed)
    linear = 2 * (4 * 3 * 64 * 128 + 64 * 64 * 2 + 64 * 32 * 2)
    assert sizes["nf4"] == linear // 2
    assert sizes["nf4 scales"] < 0.2 * sizes["nf4"]
    kept = 2 * (64 * 4 + 2 * 64) + 64 + 2 * 97 * 64
    assert sizes["float32"] == 4 * kept  # router, norms, tables
    expected = logits(whole, tokens)
    difference = (logits(packed, tokens) - expected).square().mean().sqrt() / expected.std()
    print(f"difference {difference:.3f}")  # noqa: T201 - how much room there is
    assert 0.0 < difference < TOLERANCE_NF4


def test_experts_that_are_not_in_4_bits_are_refused_with_their_bytes(folder: Path) -> None:
    from hazard.errors import WeightsError
    from models.reasoning.mixtral.checkpoint import Checkpoint
    from models.reasoning.mixtral.load import load, require_four_bit

    whole = load(Checkpoint(folder), torch.device("cpu"), four_bit=False)
    with pytest.raises(WeightsError, match=r"not in 4 bits.*float32 786432"):
        require_four_bit(whole)


def test_quantized_once_and_loaded_again_is_the_same_bit_for_bit(
    folder: Path,
    tokens: Any,
    tmp_path: Path,
) -> None:
    from models.reasoning.mixtral.checkpoint import Checkpoint
    from models.reasoning.mixtral.load import load
    from models.reasoning.mixtral.quantize import quantize_folder

    cpu, said = torch.device("cpu"), []
    quantize_folder(folder, tmp_path / "nf4", cpu, said.append)
    again = load(Checkpoint(tmp_path / "nf4"), cpu)
    assert torch.equal(logits(again, tokens), logits(load(Checkpoint(folder), cpu), tokens))
    assert said


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.pop("model.layers.1.block_sparse_moe.experts.2.w3.weight"), "missing model"),
        (lambda t: t.update({"model.layers.0.extra": torch.zeros(2)}), "unexpected model.layers.0"),
        (lambda t: t.update({"lm_head.weight": torch.zeros(97, 60)}), r"its shape is \[97, 60\]"),
    ],
    ids=["missing", "unexpected", "wrong-shape"],
)
def test_a_checkpoint_that_does_not_match_is_refused(
    folder: Path,
    tmp_path: Path,
    change: Any,
    told: str,
) -> None:
    from safetensors.torch import load_file, save_file

    from hazard.errors import WeightsError
    from models.reasoning.mixtral.checkpoint import Checkpoint
    from models.reasoning.mixtral.load import load

    tensors = {}
    for shard in folder.glob("*.safetensors"):
        tensors |= load_file(shard)
    change(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(WeightsError, match=told):
        load(Checkpoint(tmp_path), torch.device("cpu"))


def test_what_does_not_fit_is_refused_with_what_is_missing_and_what_would_fit() -> None:
    from transformers import MixtralConfig

    from hazard.errors import WeightsError
    from models.reasoning.mixtral.memory import need, parameters, require_fit

    mixtral = MixtralConfig()  # the defaults are the 8x7B's
    assert parameters(mixtral).total == 46_702_792_704
    wanted = need(mixtral, device=torch.device("cuda", 0), dtype=torch.bfloat16, cache_tokens=4096)
    assert 24.0e9 < wanted.weights_bytes < 24.7e9
    require_fit(mixtral, wanted, wanted.total_bytes, "cuda:0")
    with pytest.raises(WeightsError, match=r"16\.0 GB are free, .* missing.*GGUF in Q4_K_M"):
        require_fit(mixtral, wanted, 16_000_000_000, "cuda:0")


@pytest.mark.weights
def test_smollm2_upcycled_says_what_the_dense_model_says() -> None:
    """Through the very class that loads the real one; the words that follow are the language's."""
    from tokenizers import Tokenizer

    from models.reasoning.mixtral.checkpoint import Checkpoint
    from models.reasoning.mixtral.load import load, require_four_bit

    built = require_weights("mixtral-tiny").parent
    model = load(Checkpoint(built), torch.device("cpu"))
    assert require_four_bit(model)["nf4"] > 150_000_000
    tokenizer = Tokenizer.from_file(str(built / "tokenizer.json"))
    text = "The capital of France is"
    said = logits(model, torch.tensor([tokenizer.encode(text).ids]))[0, -1]
    best = [tokenizer.decode([int(token)]) for token in said.topk(5).indices]
    assert " Paris" in best
