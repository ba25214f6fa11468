"""What a person sees of `hazard init` and `hazard check`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from edge_agent.cli import site
from hazard.site.schema import site_schema
from tests.unit.site.sites import GOOD

app = typer.Typer()
app.command()(site.init)
app.command()(site.check)
run = CliRunner()


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CAM_USER", "CAM_PASSWORD", "MQTT_PASSWORD"):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.chdir(tmp_path)


def test_init_writes_a_file_that_check_finds_right() -> None:
    first = run.invoke(app, ["init"])
    assert first.exit_code == 0
    assert "wrote site.yaml and site.schema.json" in first.stdout
    second = run.invoke(app, ["check"])
    assert (second.exit_code, second.stdout) == (0, "site.yaml is right\n")


def test_init_overwrites_only_with_force() -> None:
    Path("site.yaml").write_text("mine")
    refused = run.invoke(app, ["init"])
    assert refused.exit_code == 1
    assert "error: site.yaml exists" in refused.stderr
    assert Path("site.yaml").read_text() == "mine"
    assert run.invoke(app, ["init", "--force"]).exit_code == 0
    assert Path("site.yaml").read_text() != "mine"


def test_check_prints_every_problem_and_exits_with_1() -> None:
    Path("site.yaml").write_text(
        GOOD.replace("port: 8883", "port: no").replace("zone: press\n", "zone: pres\n")
    )
    done = run.invoke(app, ["check"])
    assert done.exit_code == 1
    assert "mqtt.brokers.plant.port: want a whole number" in done.stdout
    assert "rules.press.zone: no zone 'pres' — did you mean press?" in done.stdout
    assert done.stderr == "2 problems in site.yaml\n"


def test_check_as_json_carries_places_and_no_secret() -> None:
    Path("site.yaml").write_text(GOOD.replace("${MQTT_PASSWORD}", "hunter2").replace("8080", "no"))
    done = run.invoke(app, ["check", "--json"])
    assert done.exit_code == 1
    findings = json.loads(done.stdout)
    places = [(p["line"], p["column"], p["path"]) for p in findings["problems"]]
    assert places == [(58, 17, "mqtt.brokers.plant.password"), (61, 9, "dashboard.port")]
    assert findings["live"] == []
    assert "hunter2" not in done.output


def test_check_of_a_detector_that_the_manifest_lacks_names_the_nearest() -> None:
    Path("site.yaml").write_text(GOOD.replace("fps_budget: 10", "detectors: [nanodett]"))
    done = run.invoke(app, ["check"])
    assert done.exit_code == 1
    assert "did you mean nanodet?" in done.stdout


def test_check_of_a_backend_that_is_not_installed_names_the_nearest() -> None:
    Path("site.yaml").write_text(GOOD + "reasoning: {backend: smolm2}\n")
    done = run.invoke(app, ["check"])
    assert done.exit_code == 1
    assert 'reasoning.backend: no reasoning backend "smolm2" — did you mean smollm2?' in done.stdout


def test_check_of_a_file_that_is_not_there_exits_with_1() -> None:
    done = run.invoke(app, ["check", "--site", "none.yaml"])
    assert done.exit_code == 1
    assert done.stdout == "none.yaml: does not exist — write one with: hazard init\n"


def test_schema_is_printed_as_json() -> None:
    done = run.invoke(app, ["check", "--schema"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == site_schema()


def test_a_wrong_option_exits_with_2() -> None:
    assert run.invoke(app, ["check", "--nonsense"]).exit_code == 2


def a_live_site(folder: Path, port: int) -> None:
    (folder / "pictures").mkdir()
    cv2.imwrite(str(folder / "pictures" / "1.png"), np.zeros((48, 64, 3), np.uint8))
    (folder / "site.yaml").write_text(
        "site: {id: x, name: X}\n"
        "areas: {hall: {name: Hall}}\n"
        "cameras:\n"
        "  good: {area: hall, source: {kind: folder, path: pictures}}\n"
        f"mqtt: {{brokers: {{plant: {{port: {port}}}}}}}\n"
        "reasoning: {enabled: false}\n"
        "dashboard: {port: 0}\n"
    )


def test_live_tries_each_connection_and_says_how_to_mend(tmp_path: Path, free_port: int) -> None:
    a_live_site(tmp_path, free_port)
    done = run.invoke(app, ["check", "--live", "--models-dir", str(tmp_path / "models")])
    assert done.exit_code == 1
    assert "✓ camera good: picture of 64x48 pixels" in done.stdout
    assert f"✗ broker plant: nothing listens on 127.0.0.1:{free_port} — " in done.stdout
    assert "hazard models fetch nanodet" in done.stdout
    assert "✓ data folder: " in done.stdout or "! data folder: " in done.stdout


def test_live_as_json_is_one_document(tmp_path: Path, free_port: int) -> None:
    a_live_site(tmp_path, free_port)
    done = run.invoke(app, ["check", "--live", "--json"])
    outcomes = {c["name"]: c["outcome"] for c in json.loads(done.stdout)["live"]}
    assert outcomes["camera good"] == "ok"
    assert outcomes["broker plant"] == "failed"


def test_live_checks_wait_until_the_file_is_right() -> None:
    Path("site.yaml").write_text("site: 1\n")
    done = run.invoke(app, ["check", "--live"])
    assert done.exit_code == 1
    assert "live checks: left out until the file is right" in done.stderr


def test_a_terminal_without_utf_8_gets_ascii(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_live_site(tmp_path, free_port)
    monkeypatch.setattr(site, "_speaks_utf8", lambda: False)
    done = run.invoke(app, ["check", "--live"])
    assert done.stdout.isascii()
    assert "OK   camera good" in done.stdout
    assert "FAIL broker plant" in done.stdout
