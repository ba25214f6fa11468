#!/usr/bin/env bash
# Pin every dependency, with the sha256 of each file that may be installed.
#
#   scripts/lock.sh            keep pinned versions where pyproject.toml allows it
#   scripts/lock.sh --upgrade  take the newest that pyproject.toml allows
#
# Seconds, not minutes: uv's `pip compile` writes the format of pip-compile, for every system and
# Python that the project runs on. pip installs from it; uv is needed here only, and comes with
# `make setup-all` ($UV names another one). No registry's address is written.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

uv=${UV:-.venv/bin/uv}
command -v "$uv" >/dev/null || { echo "lock: no $uv; run 'make setup-all' first" >&2; exit 1; }

options=(--quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes
  --no-header --no-emit-index-url --annotation-style line "$@")
lock() { "$uv" pip compile "${options[@]}" "$@" >/dev/null; }

lock --output-file requirements/build.lock requirements/build.in
lock --all-extras --constraints requirements/tested.in --output-file requirements/all.lock pyproject.toml
# One version of each, in both: the light lock is compiled under the full one's.
lock --constraints requirements/all.lock --output-file requirements/light.lock pyproject.toml
# What stands in for opencv-python where the system has no libGL.
sed -n 's/^opencv-python==\([^ ]*\).*/opencv-python-headless==\1/p' requirements/all.lock |
  lock --no-deps --no-annotate --output-file requirements/headless.lock -

"${PYTHON:-.venv/bin/python}" scripts/check_locks.py
wc --lines requirements/*.lock
