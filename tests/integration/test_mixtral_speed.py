"""What makes Mixtral fast on a GPU, checked without one: kernels, static cache, random model."""

# ruff: noqa: PLC0415 - torch and what needs it are there only with the reasoning extra

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest

try:
    import torch
except ImportError:  # without the extra the marker says that these were not run
    torch = None
pytestmark = pytest.mark.heavy

BF16_MATCHES = 1e-5
"""The interpreter computes in float32, as the reference does."""


def a_shape(**changes: Any) -> Any:
    from transformers import MixtralConfig

    fields: dict[str, Any] = {
        "vocab_size": 97,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "max_position_embeddings": 128,
    }
    return MixtralConfig(**(fields | changes))


def a_model(**changes: Any) -> Any:
    from models.reasoning.mixtral.random import build

    return build(a_shape(**changes), torch.device("cpu"))


BUILDER = """
import sys, torch
from tests.integration.test_mixtral_speed import a_model
from models.reasoning.mixtral.random import whole_bytes

built = a_model(vocab_size=1000, hidden_size=512, intermediate_size=1536, num_hidden_layers=6,
                num_local_experts=8)
print(built.weights_bytes, built.peak_bytes, whole_bytes(built.model))
"""


def test_a_random_model_is_never_whole() -> None:
    """240 MB in bf16, 480 in float32, as it is computed with here, 65 in 4 bits.

    In a process that gives freed memory back at once, so that what it takes is what is in use.
    """
    done = subprocess.run(
        [sys.executable, "-c", BUILDER],
        capture_output=True,
        text=True,
        timeout=170,
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    weights_bytes, peak_bytes, whole = (int(word) for word in done.stdout.split())
    assert whole > 3.5 * weights_bytes
    assert weights_bytes < peak_bytes < 0.75 * whole


def test_a_random_model_that_was_whole_for_a_moment_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from hazard.errors import WeightsError
    from models.reasoning.mixtral import random

    hoard = []
    plain = random._values

    def hoarding(*given: Any) -> Any:
        hoard.append(torch.ones(16 << 20))
        return plain(*given)

    monkeypatch.setattr(random, "_values", hoarding)
    with pytest.raises(WeightsError, match="were whole at a time"):
        a_model()


def test_the_same_seed_gives_the_same_model() -> None:
    tokens = torch.arange(5, 29).reshape(1, -1)
    with torch.inference_mode():
        one, other = (a_model().model(tokens).logits for _ in range(2))
    assert torch.equal(one, other)


def test_the_grouped_kernels_give_what_the_weights_give() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.interpreted_kernels"],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["differences"]) == {"1", "3", "5", "70"}
    assert max(found["differences"].values()) < BF16_MATCHES
    assert found["accepted"] == ""
    assert found["in_use"]
    assert "differ from bitsandbytes" in found["damaged"]


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("kernel", ["few", "many"])
def test_the_kernels_compile_for_an_h100(kernel: str, *, gated: bool) -> None:
    """The interpreter takes what the compiler refuses; the compiler needs no GPU."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from models.reasoning.mixtral import kernels

    function = getattr(kernels, kernel)
    inputs, shared_by = (4096, 2) if gated else (14_336, 1)
    constants: dict[str, Any] = {"INPUTS": inputs, "SHARED_BY": shared_by, "GATED": gated}
    constants |= {"ROWS": 16, "CHUNK": 256} if kernel == "few" else {"ROWS": 64, "TOKENS": 64}
    types = {"states": "*bf16", "halves": "*bf16", "out": "*bf16", "half": "i64"}
    types |= dict.fromkeys(("chosen", "order", "tile_expert", "tile_first", "tile_end"), "*i64")
    types |= dict.fromkeys(("packed", "steps", "other_packed", "other_steps"), "*u8")
    types |= dict.fromkeys(("outputs", "nested_count", "experts"), "i32")
    signature = {
        name: "constexpr" if name in constants else types.get(name, "*fp32")
        for name in function.arg_names
    }
    source = ASTSource(fn=function, signature=signature, constexprs=constants)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32))
    assert made.asm["cubin"]


def test_without_a_gpu_the_loop_stands_and_says_why() -> None:
    from models.reasoning.mixtral.grouped import choose
    from models.reasoning.mixtral.model import one_by_one

    model = a_model().model
    assert choose(model) == "loop: the kernels are for GPUs, this runs on cpu"
    assert model.model.layers[0].mlp.compute is one_by_one


def test_what_the_kernels_cannot_read_leaves_the_loop() -> None:
    """Expert matrices of 96 inputs: their rows do not end where a block of 64 ends."""
    from models.reasoning.mixtral.grouped import use
    from models.reasoning.mixtral.model import one_by_one

    model = a_model(hidden_size=96).model
    assert "inputs a multiple of 64" in use(model)
    assert all(layer.mlp.compute is one_by_one for layer in model.model.layers)


def test_moved_weights_say_the_same() -> None:
    from models.reasoning.mixtral.grouped import Grouped

    model = a_model().model
    tokens = torch.arange(5, 29).reshape(1, -1)
    twin = a_model().model
    for layer in model.model.layers:
        Grouped(layer.mlp)
    with torch.inference_mode():
        assert torch.equal(model(tokens).logits, twin(tokens).logits)


def filled(model: Any) -> tuple[Any, int]:
    from transformers import DynamicCache

    cache = DynamicCache()
    with torch.inference_mode():
        out = model(torch.arange(5, 29).reshape(1, -1), past_key_values=cache, use_cache=True)
    return cache, int(out.logits[0, -1].argmax())


def greedy(model: Any, count: int) -> list[int]:
    cache, token = filled(model)
    found = []
    with torch.inference_mode():
        for _ in range(count):
            out = model(torch.tensor([[token]]), past_key_values=cache, use_cache=True)
            token = int(out.logits[0, -1].argmax())
            found.append(token)
    return found


def test_decoding_with_a_static_cache_writes_the_same_tokens() -> None:
    from models.reasoning.mixtral.decode import Decoder

    model = a_model().model
    decoder = Decoder(model, 64)
    decoder.record()
    assert decoder.how == "plain: CUDA graphs are for GPUs, this runs on cpu"
    wanted = greedy(model, 12)
    for _ in range(2):  # the second time in a cache that has been used
        decoder.start(*filled(model))
        assert list(decoder.tokens(12)) == wanted


def test_a_static_cache_that_forgets_is_found_out() -> None:
    from models.reasoning.mixtral.decode import Decoder

    model = a_model().model
    decoder = Decoder(model, 64)
    cache, token = filled(model)
    decoder.check(cache, token)
    decoder._columns.add_(23)  # of the prompt only its first tokens are seen
    with pytest.raises(ValueError, match="static step's logits differ"):
        decoder.check(cache, token)


def test_a_forbidden_token_is_never_written() -> None:
    from models.reasoning.mixtral.decode import Decoder

    model = a_model().model
    first = greedy(model, 1)
    decoder = Decoder(model, 64, first)
    decoder.start(*filled(model))
    assert first[0] not in list(decoder.tokens(8))


def test_a_prompt_without_room_is_refused() -> None:
    from models.reasoning.mixtral.decode import Decoder

    model = a_model().model
    with pytest.raises(ValueError, match="there is room for 24"):
        Decoder(model, 24).start(*filled(model))


GPU_PART = """
import sys
import time
from edge_agent.bench.reasoning.gpu import main
code = main(sys.argv[1:])
packages = {name.partition(".")[0] for name in sys.modules}
unwanted = packages & {"xllamacpp", "cv2", "structlog", "sqlalchemy", "llguidance", "onnxruntime",
                       "paho", "ruamel", "shapely", "openvino"}
sys.exit(code or ", ".join(sorted(unwanted)) or 0)
"""


def test_the_gpus_part_runs_with_torch_and_transformers_alone(tmp_path: Any) -> None:
    path = tmp_path / "deep" / "gpu.json"
    done = subprocess.run(
        [sys.executable, "-c", GPU_PART, "--tiny", "--rounds", "1", "--json", str(path)],
        capture_output=True,
        text=True,
        timeout=170,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(path.read_text())
    assert report["ratios"] == {}
    assert "say nothing of a roofline" in report["note"]
    assert report["copy_bandwidth_gb_s"] > 0
    run = report["runs"]["loop"]
    assert set(run["decide"]) == {"128", "256", "512"}
    for tokens, figures in run["decide"].items():
        assert figures["new_tokens"] == int(tokens)
        assert figures["cached_tokens"] >= 800
        assert 0 < figures["experts_hit"] <= 2 * 4
        assert figures["touched_gb"] > 0
        assert figures["roofline_ms"] > 0
    assert run["decode"]["tokens_per_s"] > 0
    assert "share" in done.stdout


def test_without_a_gpu_the_gpus_part_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent.bench.reasoning.gpu"],
        capture_output=True,
        text=True,
        timeout=170,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        check=False,
    )
    assert done.returncode == 1
    assert "torch sees no GPU" in done.stderr


def test_bytes_of_a_forward_grow_with_experts_and_context() -> None:
    from edge_agent.bench.reasoning.roofline import Hits, Touched

    built = a_model()
    touched = Touched.of(built.model)
    everything = touched.forward(experts=2 * 4, context_tokens=0)
    embedding = 4 * 97 * 128
    assert everything == built.weights_bytes - embedding
    assert touched.forward(experts=4, context_tokens=0) == everything - 4 * touched.expert
    assert touched.forward(experts=8, context_tokens=3) - everything == 3 * 2 * 2 * 64 * 4
    with Hits(built.model) as hits, torch.inference_mode():
        built.model(torch.tensor([[7]]))
    assert hits.count == 2 * 2


def test_a_decision_without_the_cache_leaves_the_cache_as_it_was() -> None:
    from edge_agent.bench.reasoning.gpu import LABELS, words
    from models.reasoning.chat import INST
    from models.reasoning.engine import Prompt
    from models.reasoning.mixtral.engine import MixtralEngine

    cpu = torch.device("cpu")
    engine = MixtralEngine(a_model().model, words(97), INST, cpu)
    prompt = Prompt("decide", "w10 w11 w12", (), "The severity is")
    limit_s = time.monotonic() + 600.0
    forward, computed = engine._forward, []

    def counted(ids: Any, cache: Any) -> Any:
        computed.append(len(ids))
        return forward(ids, cache)

    engine._forward = counted  # type: ignore[method-assign]
    for cached in (True, False, True):
        engine.score(prompt, "w20 w21", LABELS, deadline_monotonic_s=limit_s, cached=cached)
    prefix, new, whole, again = computed
    assert whole == prefix + new
    assert again == new
