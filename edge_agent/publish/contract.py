"""The JSON Schemas of the messages, generated from the models: `docs/schemas/*.json`.

`python -m edge_agent.publish.contract FOLDER` writes them; a test fails when they are not those of
the models any more.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from edge_agent.publish.messages import AreaState, GapRecord, NodeStatus
from hazard.commands import CommandMessage, CommandResponse
from hazard.types import AlertMessage, Model

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MESSAGES: Mapping[str, type[Model]] = {
    "alert.v1": AlertMessage,
    "area.v1": AreaState,
    "command.v1": CommandMessage,
    "gap.v1": GapRecord,
    "response.v1": CommandResponse,
    "node-status.v1": NodeStatus,
}


def schemas() -> dict[str, str]:
    """File name to JSON text of each message's schema."""
    texts = {}
    for name, model in MESSAGES.items():
        schema = {"$schema": DIALECT, **model.model_json_schema(mode="serialization")}
        texts[f"{name}.json"] = json.dumps(schema, indent=2, sort_keys=True) + "\n"
    return texts


def write(folder: Path) -> None:
    """Write the schemas into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
