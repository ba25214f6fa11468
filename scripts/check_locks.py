"""Check that the locks are what pyproject.toml asks for, and what is installed.

    python scripts/check_locks.py                      the locks against pyproject.toml
    python scripts/check_locks.py --installed LOCK     this environment against a lock

Prints every fault and exits 1 if there is one. Reads files only: no network, some milliseconds.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
PIN = re.compile(r"^(?P<name>[a-zA-Z0-9._-]+)==(?P<version>[^\s;]+)(\s*;(?P<marker>[^\\]+))?")
ADDRESS = re.compile(r"https?://|--(extra-)?index-url|--find-links|--trusted-host")
STAND_INS = {"opencv-python": "opencv-python-headless"}
"""What the set-up installs in another's place where system libraries are absent."""


def normal(name: str) -> str:
    """A distribution's name as the registries compare it: lower case, single hyphens."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: Path, *, here: bool = False) -> dict[str, str]:
    """Version by normalised name, as pinned in a lock file; with `here`, for this machine only."""
    found = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        match = PIN.match(line)
        if match and not (here and match["marker"] and not Marker(match["marker"]).evaluate()):
            found[normal(match["name"])] = match["version"]
    return found


def faults_of_lock(lock: Path) -> Iterator[str]:
    """Addresses in a lock, and pins without a hash."""
    name = lock.relative_to(ROOT)
    entries = re.split(r"\n(?=[a-zA-Z0-9])", lock.read_text(encoding="utf-8"))
    for entry in entries:
        address = ADDRESS.search(entry)
        if address:
            yield f"{name}: holds an address or index option: {address[0]}"
        match = PIN.match(entry)
        if match and "--hash=sha256:" not in entry:
            yield f"{name}: {match['name']} has no sha256"


def unmet(requirements: list[str], lock: Path) -> Iterator[str]:
    """Requirements that a lock's pins do not meet."""
    pinned = pins(lock)
    for text in requirements:
        requirement = Requirement(text)
        version = pinned.get(normal(requirement.name))
        if version is None:
            yield f"{lock.relative_to(ROOT)}: lacks {text}; run 'make lock'"
        elif not requirement.specifier.contains(version, prereleases=True):
            yield f"{lock.relative_to(ROOT)}: has {version} for {text}; run 'make lock'"


def faults_of_locks() -> Iterator[str]:
    """Everything that is wrong between pyproject.toml and the locks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    light = project["project"]["dependencies"]
    extras = project["project"]["optional-dependencies"].values()
    everything = light + [line for extra in extras for line in extra]
    for lock in sorted(LOCKS.glob("*.lock")):
        yield from faults_of_lock(lock)
    yield from unmet(project["build-system"]["requires"], LOCKS / "build.lock")
    yield from unmet(light, LOCKS / "light.lock")
    yield from unmet(everything, LOCKS / "all.lock")
    every = pins(LOCKS / "all.lock")
    for name, version in pins(LOCKS / "light.lock").items():
        if every.get(name) != version:
            yield f"{name}: {version} in light.lock, {every.get(name)} in all.lock; run 'make lock'"
    for name, stand_in in STAND_INS.items():
        version = pins(LOCKS / "headless.lock").get(stand_in, "nothing")
        if version != every.get(name):
            yield f"headless.lock: has {version} of {stand_in}, all.lock has {every.get(name)}"


def faults_of_environment(lock: Path) -> Iterator[str]:
    """Pins of a lock that are not installed here in that version."""
    installed = {normal(found.name): found.version for found in importlib.metadata.distributions()}
    for name, version in pins(lock, here=True).items():
        present = installed.get(name) or installed.get(STAND_INS.get(name, ""))
        if present != version:
            yield f"{name}: {version} in {lock.name}, {present or 'nothing'} installed"


def main(arguments: list[str]) -> int:
    """Print the faults; the exit code is 1 if there is one."""
    if arguments[:1] == ["--installed"]:
        faults = list(faults_of_environment(Path(arguments[1])))
    else:
        faults = list(faults_of_locks())
    for fault in faults:
        print(fault)  # noqa: T201 - a script's output
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
