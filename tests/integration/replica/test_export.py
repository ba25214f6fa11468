"""`hazard export` from a replica: the same lists and the same bundle, and nothing is written."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from tests.integration.replica.plant import feed, open_node, rows, write_everything

pytestmark = pytest.mark.postgres
run = CliRunner()


def export(what: str, out: Path, *database: str) -> str:
    arguments = ["export", *what.split(), "--out", str(out), "--data-dir", str(out.parent)]
    done = run.invoke(app, [*arguments, *database])
    assert done.exception is None or done.exit_code == 1, done.exception
    return out.read_text(encoding="utf-8") if out.suffix == ".jsonl" else done.stdout


def test_lists_from_the_replica_are_those_of_the_node(
    tmp_path: Path, replica_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hazard.store.export.lists.PAGE", 2)
    with open_node(tmp_path / "hazard.db") as store:
        write_everything(store, count=5)
    feed(tmp_path / "hazard.db", replica_url)
    before = rows(replica_url)
    for kind in ("alerts", "revisions"):
        wanted = f"{kind} --format jsonl --from 2026-01-01"
        node = export(wanted, tmp_path / "node.jsonl", "--database", str(tmp_path / "hazard.db"))
        assert export(wanted, tmp_path / "pg.jsonl", "--database", replica_url) == node
        assert len(node.splitlines()) in (5, 10)
    assert rows(replica_url) == before


def test_a_bundle_from_the_replica_holds_what_the_node_knows(
    tmp_path: Path, replica_url: str
) -> None:
    with open_node(tmp_path / "hazard.db") as store:
        write_everything(store, count=2)
    feed(tmp_path / "hazard.db", replica_url)
    for name, database in (("node", str(tmp_path / "hazard.db")), ("pg", replica_url)):
        export("incident i2", tmp_path / f"{name}.zip", "--database", database)
    for name in ("incident.json", "revisions.jsonl", "assessments.jsonl", "case.json"):
        assert _read(tmp_path / "pg.zip", name) == _read(tmp_path / "node.zip", name)
    hashes = [
        [line["hash"] for line in _read(tmp_path / f"{each}.zip", "audit.jsonl")]
        for each in ("node", "pg")
    ]
    assert hashes[0] == hashes[1]


def _read(bundle: Path, name: str) -> Any:
    with zipfile.ZipFile(bundle) as archive:
        text = archive.read(name).decode()
    return (
        [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)
    )
