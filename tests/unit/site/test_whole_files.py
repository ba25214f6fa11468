"""Files that are no site files, and what a right one names outside itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hazard.site.loader import check_site, load_site
from hazard.site.problems import MAX_PROBLEMS, SiteFileError
from hazard.site.sources import FileSource
from hazard.site.text import MAX_BYTES
from hazard.site.yaml_tree import MAX_DEPTH, MAX_NODES
from tests.unit.site.sites import GOOD, edited

BOMB = (
    "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "\n".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "\n"
)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", ":1:1: the file is empty — write one with: hazard init"),
        (b"# only a comment\n", ":1:1: the file is empty — write one with: hazard init"),
        (b"\n\n  \n", ":1:1: the file is empty — write one with: hazard init"),
        (b"- a\n- b\n", ":1:1: want a mapping of sections — start with site:, areas:, …"),
        (b"hello\n", ":1:1: want a mapping of sections — start with site:, areas:, …"),
        (b"a\0b", ": is binary — give a text file: hazard init writes one"),
        ("a: ü".encode("utf-16"), ": is UTF-16 — save it as UTF-8"),
        (b"a: 1\nb: \xe9\n", ":2:4: byte 0xe9 is not UTF-8 — save the file as UTF-8"),
        (
            b"a" * (MAX_BYTES + 1),
            ": is larger than 1 MiB — is it a site file? keep data in files of their own",
        ),
    ],
)
def test_a_file_that_is_no_site_file_is_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(raw)
    assert [str(problem) for problem in check_site(path)] == [f"site.yaml{said}"]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert load_site(path).site.name == "North plant"


def test_an_alias_bomb_is_refused_before_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(BOMB)
    with pytest.raises(SiteFileError, match=f"more than {MAX_NODES} values"):
        load_site(path)


@pytest.mark.parametrize("text", ["[" * 200, "- " * 200, "{a: " * 200])
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    with pytest.raises(SiteFileError, match=f"nested deeper than {MAX_DEPTH} levels"):
        load_site(path)


def test_anchors_and_merges_share_settings_between_cameras(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    text = edited("  gate:\n    area: hall", "  gate: &camera\n    area: hall")
    text = text.replace("sensors:\n", "  yard:\n    <<: *camera\n    fps_budget: 5\nsensors:\n")
    path.write_text(text)
    site = load_site(path)
    assert site.cameras["yard"].fps_budget == 5
    assert site.cameras["yard"].source == site.cameras["gate"].source


def test_numbers_of_yaml_1_2_are_read(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(edited("port: 8883", "port: 0o1234").replace("maximum: 200", "maximum: 2e2"))
    site = load_site(path)
    assert site.mqtt.brokers["plant"].port == 0o1234
    assert site.sensors["h2s-1"].maximum == 200.0


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    missing = check_site(tmp_path / "none.yaml")
    assert [str(p) for p in missing] == ["none.yaml: does not exist — write one with: hazard init"]
    assert "is a folder" in str(check_site(tmp_path)[0])


def test_a_pipe_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "is no ordinary file" in str(check_site(pipe)[0])


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become another user")
def test_a_file_that_may_not_be_read_is_said_so() -> None:
    script = (
        "import os, pathlib, tempfile\n"
        "from hazard.site.loader import check_site\n"
        "folder = pathlib.Path(tempfile.mkdtemp()); folder.chmod(0o755)\n"
        "path = folder / 'site.yaml'; path.write_text('a: 1'); path.chmod(0o600)\n"
        "os.setuid(65534)\n"
        "print(check_site(path)[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == (
        "site.yaml: may not be read — let this user read it (chmod, chown)"
    )


FILE_SOURCE = "kind: file\n      path: videos/gate.avi"
URL_SOURCE = "kind: url\n      url: rtsp://${CAM_USER}:${CAM_PASSWORD}@192.0.2.1/live"


def test_relative_paths_start_at_the_site_files_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(edited(URL_SOURCE, FILE_SOURCE))
    monkeypatch.chdir("/")
    source = load_site(path).cameras["gate"].source
    assert isinstance(source, FileSource)
    assert source.path == tmp_path / "videos" / "gate.avi"


def test_missing_files_and_variables_are_found_but_stop_no_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "site.yaml"
    text = edited(URL_SOURCE, FILE_SOURCE)
    text = text.replace("      tls: true\n", "      tls: true\n      ca_file: empty.pem\n")
    path.write_text(text)
    (tmp_path / "empty.pem").touch()
    monkeypatch.delenv("MQTT_PASSWORD", raising=False)
    load_site(path)
    assert [str(problem) for problem in check_site(path)] == [
        (
            f'site.yaml:15:13 cameras.gate.source.path: no file "{tmp_path}/videos/gate.avi" — '
            "put it there, or correct the path"
        ),
        (
            f'site.yaml:57:16 mqtt.brokers.plant.ca_file: "{tmp_path}/empty.pem" is empty '
            "(0 bytes) — copy it again"
        ),
        (
            "site.yaml:59:17 mqtt.brokers.plant.password: environment variable MQTT_PASSWORD "
            "is not set — export MQTT_PASSWORD=… before starting"
        ),
    ]


def test_with_its_variables_set_the_file_has_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CAM_USER", "CAM_PASSWORD", "MQTT_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    path = tmp_path / "site.yaml"
    path.write_text(GOOD)
    assert check_site(path) == []


def test_detectors_and_backends_are_held_against_those_known(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD + "reasoning: {backend: smolm2}\n")
    with pytest.raises(SiteFileError) as refused:
        load_site(path, known_detectors=["flame"], known_backends=["smollm2"])
    assert [problem.path for problem in refused.value.problems] == [
        "cameras.gate.detectors[0]",
        "reasoning.backend",
    ]
    assert "did you mean smollm2?" in str(refused.value)


def test_faults_of_one_part_do_not_hide_those_of_another(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    text = edited("port: 8883", "port: none").replace("zone: press\n", "zone: pres\n")
    path.write_text(text.replace("      floor: medium", "      floor: info"))
    with pytest.raises(SiteFileError) as refused:
        load_site(path)
    assert [problem.path for problem in refused.value.problems] == [
        "rules.press.zone",
        "policy.kinds.crowding.floor",
        "mqtt.brokers.plant.port",
    ]


def test_a_wrong_camera_does_not_make_its_rules_look_wrong(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(edited("kind: url\n", "kind: carrier-pigeon\n"))
    with pytest.raises(SiteFileError) as refused:
        load_site(path)
    assert [problem.path for problem in refused.value.problems] == ["cameras.gate.source"]


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("a: b\n" * 5000, "too many problems to go on — mend those above first"),
        (
            "".join(f"k{at}: b\n" for at in range(5000)),
            "unknown key — choose one of alarms, areas, ",
        ),
    ],
)
def test_a_file_with_thousands_of_faults_is_answered_with_the_first_of_them(
    tmp_path: Path, text: str, last: str
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    problems = check_site(path)
    assert MAX_PROBLEMS < len(problems) <= MAX_PROBLEMS + 1
    assert last in str(problems[-1])


LABELS = {"nanodet": ("person", "car"), "flame": ("fire", "smoke")}


@pytest.mark.parametrize(
    ("labels", "said"), [("[persn]", "did you mean person?"), ("[]", "choose one of car, person")]
)
def test_a_rule_that_no_detector_of_its_camera_can_raise_is_refused(
    tmp_path: Path, labels: str, said: str
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(edited("    dwell_s: 1", f"    labels: {labels}"))
    with pytest.raises(SiteFileError, match="could never be raised") as refused:
        load_site(path, known_detectors=LABELS)
    (problem,) = refused.value.problems
    assert problem.path == "rules.press.labels"
    assert said in problem.mend


def test_a_fire_rule_needs_a_detector_that_knows_fire(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    rule = "  flames:\n    kind: fire_smoke\n    camera: gate\n"
    text = edited("rules:\n", f"rules:\n{rule}")
    path.write_text(text)
    with pytest.raises(SiteFileError) as refused:
        load_site(path, known_detectors=LABELS)
    (problem,) = refused.value.problems
    assert problem.path == "rules.flames.label"
    assert problem.what == 'no detector of the camera (nanodet) knows "fire"'
    path.write_text(text.replace("fps_budget: 10", "detectors: [nanodet, flame]"))
    load_site(path, known_detectors=LABELS)
    load_site(path, known_detectors={"nanodet": ("person",), "flame": ()})


def with_procedures(tmp_path: Path, folder: str) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(f"{GOOD}reasoning:\n  procedures: {folder}\n")
    return path


def test_a_folder_of_procedures_starts_at_the_site_files_folder(tmp_path: Path) -> None:
    path = with_procedures(tmp_path, "plans")
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "gas.MD").write_text("- Leave the hall.")
    assert load_site(path).reasoning.procedures == tmp_path / "plans"
    assert not [p for p in check_site(path) if "procedures" in str(p)]


def test_a_missing_or_empty_folder_of_procedures_is_said_with_the_mend(tmp_path: Path) -> None:
    path = with_procedures(tmp_path, "plans")
    said = [str(p) for p in check_site(path) if "procedures" in str(p)]
    assert said
    assert "no folder" in said[0]
    assert "create it, or correct the path" in said[0]
    (tmp_path / "plans").mkdir()
    said = [str(p) for p in check_site(path) if "procedures" in str(p)]
    assert "no .md, .markdown or .pdf in" in said[0]
    assert "put procedures there" in said[0]
