"""The set-up script, run for real on small wheels made here: no network, every step."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

LOADS = "class VideoCapture: ...\ndef imdecode(): ...\n"
NEEDS_A_LIBRARY = "raise ImportError('libGL.so.1: cannot open shared object file')\n"


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> str:
    """A wheel of pure Python; returns its line in a lock."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={digest(text)},{len(text)}\n" for path, text in content.items()
    )
    content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{sha256}\n"


def digest(text: str) -> str:
    raw = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def packaging_files() -> dict[str, str]:
    """The installed `packaging`, which the script's own check of the environment uses."""
    found = importlib.metadata.files("packaging") or []
    return {str(f): f.read_text() for f in found if f.suffix == ".py"}


class Checkout:
    """A checkout in small: the real scripts, locks of a few made wheels."""

    def __init__(self, root: Path, repo_root: Path) -> None:
        self.root = root / "a checkout"
        self.wheels = root / "wheels"
        self.wheels.mkdir(parents=True)
        shutil.copytree(repo_root / "scripts", self.root / "scripts")
        shutil.copy(repo_root / "pyproject.toml", self.root)
        (self.root / "requirements").mkdir()

    def lock(self, **locks: str) -> None:
        for name, text in locks.items():
            (self.root / "requirements" / f"{name}.lock").write_text(text, encoding="utf-8")

    def install(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        pip = {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_CONFIG_FILE": os.devnull,
        }
        base = {k: v for k, v in os.environ.items() if k not in {"VENV", "PYTHON"}}
        return subprocess.run(
            ["bash", "scripts/install.sh", *arguments],
            cwd=self.root,
            env={**base, **pip, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> dict[str, str]:
        program = (
            "import importlib.metadata as m\nfor d in m.distributions(): print(d.name, d.version)"
        )
        python = self.root / ".venv" / "bin" / "python"
        result = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
        return dict(line.split() for line in result.stdout.splitlines())


@pytest.fixture
def checkout(tmp_path: Path, repo_root: Path) -> Checkout:
    made = Checkout(tmp_path, repo_root)
    wheels = made.wheels
    made.lock(
        build=make_wheel(wheels, "packaging", "26.3", packaging_files()),
        light=make_wheel(wheels, "small-thing", "1.0", {"small_thing.py": ""})
        + make_wheel(wheels, "opencv-python", "5.0", {"cv2/__init__.py": LOADS}),
        headless=make_wheel(wheels, "opencv-python-headless", "5.0", {"cv2/__init__.py": LOADS}),
    )
    shutil.copy(made.root / "requirements" / "light.lock", made.root / "requirements" / "all.lock")
    return made


def test_a_set_up_is_done_once_and_mended_when_something_is_missing(checkout: Checkout) -> None:
    first = checkout.install("light", "--packages")
    assert first.returncode == 0, first.stderr
    assert checkout.installed()["small-thing"] == "1.0"

    again = checkout.install("light", "--packages")
    assert (again.returncode, again.stdout) == (0, "")

    for path in (checkout.root / ".venv").glob("lib/*/site-packages/small_thing*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    mended = checkout.install("light", "--packages")
    assert mended.returncode == 0, mended.stderr
    assert checkout.installed()["small-thing"] == "1.0"


def test_an_environment_that_was_moved_is_made_anew(checkout: Checkout) -> None:
    assert checkout.install("light", "--packages").returncode == 0
    checkout.root = checkout.root.rename(checkout.root.with_name("elsewhere"))
    result = checkout.install("light", "--packages")
    assert result.returncode == 0, result.stderr
    assert "making it anew" in result.stdout


def test_where_libgl_is_absent_the_headless_opencv_takes_the_place(checkout: Checkout) -> None:
    line = make_wheel(checkout.wheels, "opencv-python", "5.0", {"cv2/__init__.py": NEEDS_A_LIBRARY})
    checkout.lock(light=line)
    result = checkout.install("light", "--packages")
    assert result.returncode == 0, result.stderr
    assert "taking the headless one" in result.stdout
    assert "opencv-python-headless" in checkout.installed()
    assert "opencv-python" not in checkout.installed()

    again = checkout.install("light", "--packages")
    assert (again.returncode, again.stdout) == (0, "")


def test_a_file_with_another_hash_is_refused_and_nothing_counts_as_done(
    checkout: Checkout,
) -> None:
    make_wheel(checkout.wheels, "small-thing", "1.0", {"small_thing.py": "evil = True\n"})
    result = checkout.install("light", "--packages")
    assert result.returncode != 0
    assert "HASHES" in result.stderr
    assert not (checkout.root / ".venv" / ".hazard-install").exists()


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Checkout) -> None:
    (checkout.root / ".venv").mkdir()
    (checkout.root / ".venv" / "thesis.txt").write_text("years of work", encoding="utf-8")
    result = checkout.install("light", "--packages")
    assert result.returncode == 1
    assert "is no virtual environment" in result.stderr
    assert (checkout.root / ".venv" / "thesis.txt").exists()


def test_an_old_python_is_named_with_what_to_do(checkout: Checkout, tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n', "utf-8")
    old.chmod(0o755)
    result = checkout.install("light", PYTHON=str(old))
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed" in result.stderr
    assert "apt-get install python3 python3-venv" in result.stderr


def bare_python(folder: Path, *, lacks: str) -> Path:
    """A Python in which some modules are not there, on a system without apt-get."""
    apt = folder / "bin" / "apt-get"
    apt.parent.mkdir()
    apt.write_text("#!/bin/sh\nexit 100\n", encoding="utf-8")
    bare = folder / "python3.11"
    bare.write_text(
        f'#!/bin/sh\ncase "$2" in {lacks}) exit 1;; esac\nexec python3 "$@"\n', encoding="utf-8"
    )
    for program in (apt, bare):
        program.chmod(0o755)
    return bare


def test_a_python_that_can_make_no_environment_is_named_with_what_to_do(
    checkout: Checkout, tmp_path: Path
) -> None:
    bare = bare_python(tmp_path, lacks="*ensurepip*|*pip*")
    path = f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}"
    result = checkout.install("light", PYTHON=str(bare), PATH=path)
    assert result.returncode == 1
    assert "apt-get install python3-venv" in result.stderr
    assert not (checkout.root / ".venv").exists()


def test_without_ensurepip_any_pip_brings_the_pinned_one(
    checkout: Checkout, tmp_path: Path
) -> None:
    pip = importlib.metadata.distribution("pip")
    files = {
        str(f): f.read_text(encoding="utf-8")
        for f in pip.files or []
        if str(f).startswith("pip/") and f.suffix in {".py", ".pem", ".txt", ".typed"}
    }
    build = checkout.root / "requirements" / "build.lock"
    line = make_wheel(checkout.wheels, "pip", pip.version, files)
    build.write_text(build.read_text(encoding="utf-8") + line, encoding="utf-8")
    bare = bare_python(tmp_path, lacks="*ensurepip*")
    result = checkout.install("light", "--packages", PYTHON=str(bare))
    assert result.returncode == 0, result.stderr
    assert checkout.installed()["pip"] == pip.version


@pytest.mark.parametrize("arguments", [(), ("everything",), ("light", "--fast")])
def test_a_wrong_argument_prints_the_usage(arguments: tuple[str, ...], checkout: Checkout) -> None:
    result = checkout.install(*arguments)
    assert result.returncode == 1
    assert "usage: scripts/install.sh light|all" in result.stderr
