"""What the core tells of graphics processors: an answer, an error in words, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.core.gpus import Gpus, parse


def told(folder: Path, script: str) -> list[object]:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    gpus = Gpus(str(program))
    gpus.state()
    gpus.wait(10)
    return list(gpus.state())


def test_each_card_is_told_with_its_figures(tmp_path: Path) -> None:
    script = "echo 'NVIDIA H200, 41, 30720, 143771, 52'; echo 'Tesla T4, [N/A], 1, 15360, 40'"
    assert told(tmp_path, script) == [
        {
            "name": "NVIDIA H200",
            "utilization_percent": 41.0,
            "memory_used_mib": 30720.0,
            "memory_total_mib": 143771.0,
            "temperature_c": 52.0,
        },
        {
            "name": "Tesla T4",
            "utilization_percent": None,
            "memory_used_mib": 1.0,
            "memory_total_mib": 15360.0,
            "temperature_c": 40.0,
        },
    ]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'no devices were found'; exit 6", "nvidia-smi: no devices were found"),
        ("exit 9", "nvidia-smi: exit code 9"),
    ],
)
def test_a_driver_that_fails_is_said_in_words(tmp_path: Path, script: str, why: str) -> None:
    assert told(tmp_path, script) == [{"error": why}]


def test_a_program_that_cannot_be_run_is_said(tmp_path: Path) -> None:
    gpus = Gpus(str(tmp_path / "gone"))
    gpus.state()
    gpus.wait(10)
    assert gpus.state() == [{"error": "nvidia-smi gave no answer: FileNotFoundError"}]


def test_a_box_without_the_program_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("edge_agent.core.gpus.DEVICE", Path("/nowhere"))
    assert Gpus().state() == []


def test_a_line_with_fewer_fields_is_no_error() -> None:
    assert parse("Tesla T4, 5") == {"name": "Tesla T4", "utilization_percent": 5.0}
