"""Pages and schemas that are generated are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.publish.contract import schemas
from hazard.alarms.diagram import redraw


def test_the_alarm_page_is_drawn_from_the_tables(repo_root: Path) -> None:
    page = (repo_root / "docs" / "alarms.md").read_text(encoding="utf-8")
    assert redraw(page) == page, "run hazard.alarms.diagram.redraw on docs/alarms.md"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_schema_in_the_docs_is_that_of_the_model(repo_root: Path, name: str) -> None:
    text = (repo_root / "docs" / "schemas" / name).read_text(encoding="utf-8")
    assert text == schemas()[name], "run python -m edge_agent.publish.contract docs/schemas"
