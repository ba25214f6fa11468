"""`hazard token`: what it prints, and what the audit says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from hazard.store import Store

SITE = """
version: 1
site: {id: plant-a, name: Plant}
areas: {yard: {name: Yard}}
rules: {}
alarms: {users: {ada: {role: operator}}}
mqtt: {embedded: true, embedded_commands: token, token_secret: "${TOKEN_SECRET}"}
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOKEN_SECRET", "s" * 64)
    monkeypatch.delenv("HAZARD_DATA_DIR", raising=False)
    path = tmp_path / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    return path


def ask(site: Path) -> str:
    words = ["token", "--user", "ada", "--hours", "2", "--verbs", "acknowledge"]
    done = CliRunner().invoke(app, [*words, "--site", str(site)])
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_a_token_made_on_the_node_is_a_line_of_the_audit_without_the_token(site: Path) -> None:
    (site.parent / "data").mkdir()
    with Store.open(site.parent / "data" / "hazard.db") as store:
        made = ask(site)
        (line,) = store.queries.audit_page().lines
        assert store.verify_audit() == (1, None)
    assert (line.chain, line.verb, line.subject) == ("command_line", "token", "ada")
    assert (line.details["verbs"], line.details["areas"]) == (["acknowledge"], [])
    assert made not in str(line.details)


def test_a_token_made_elsewhere_leaves_no_database(site: Path) -> None:
    assert ask(site)
    assert not (site.parent / "data").exists()
