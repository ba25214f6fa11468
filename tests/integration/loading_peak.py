"""`python -m tests.integration.loading_peak FOLDER`: bytes of a Mixtral, and the peak on loading.

Counted is what torch allocates, every temporary of the quantization with it; shards that are
mapped are not: the system takes them back when it needs the room.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from models.reasoning.mixtral.checkpoint import Checkpoint
from models.reasoning.mixtral.load import load, require_four_bit


def main(folder: Path) -> None:
    """Load once and print the figures as JSON."""
    checkpoint = Checkpoint(folder)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
        model = load(checkpoint, torch.device("cpu"))
    mapped_bytes = min(shard.stat().st_size for shard in folder.glob("*.safetensors")) // 2
    held = peak = 0
    for event in trace.profiler.kineto_results.events():
        if event.name() == "[memory]" and abs(event.nbytes()) < mapped_bytes:
            held += event.nbytes()
            peak = max(peak, held)
    sizes = require_four_bit(model)
    print(json.dumps({"weights_bytes": sum(sizes.values()), "peak_bytes": peak}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
