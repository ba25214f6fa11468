"""Folders of a node for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.paths import Paths
from tests.vision import node_paths


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Paths]:
    with node_paths(tmp_path) as made:
        yield made
