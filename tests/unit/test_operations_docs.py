"""The operations page names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

NAMED = re.compile(r"`((?:unit|integration|contract|acceptance)/[\w/]+\.py)::(\w+)`")


def test_each_test_that_the_page_names_is_there(repo_root: Path) -> None:
    text = (repo_root / "docs" / "operations.md").read_text(encoding="utf-8")
    named = NAMED.findall(text)
    assert len(named) >= 20
    for file, name in named:
        source = (repo_root / "tests" / file).read_text(encoding="utf-8")
        assert f"def {name}(" in source, f"{file}::{name}"
