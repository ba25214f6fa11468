#!/usr/bin/env bash
# The one set-up script: make, CI and the Dockerfile all call it.
#
#   scripts/install.sh light              what the product needs to run
#   scripts/install.sh all                every extra and the development tools too
#   scripts/install.sh light --packages   the packages only, not the project (an image's layer)
#   scripts/install.sh light --copy       a copy of the project, not a link to this checkout
#
# It makes .venv beside the Makefile and fills it from the locks in requirements/, each file
# checked by its sha256. It needs Python 3.11 or newer and no root. Run again it does nothing;
# after an interruption, or with another Python, it mends what is there. $PYTHON chooses the
# interpreter, $VENV the folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'install: %s\n' "$*"; }
die() {
  printf 'install: error: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '         %s\n' "$line" >&2; done
  exit 1
}

usage="usage: scripts/install.sh light|all [--packages|--copy]"
profile=${1:-}
form=${2:---link}
case $profile in light | all) ;; *) die "$usage" ;; esac
case $form in --link | --copy | --packages) ;; *) die "$usage" ;; esac

scratch=
trap 'rm -rf -- "$scratch"' EXIT
venv=${VENV:-.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
python=$venv/bin/python
stamp=$venv/.hazard-install
lock=requirements/$profile.lock

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "Python 3.11 or newer is needed; ${PYTHON:-python3} is $(
    "${PYTHON:-python3}" --version 2>/dev/null || echo 'not there'
  )" "Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv" \
    "elsewhere: name another interpreter, PYTHON=/path/to/python3.12 make setup"
}

fingerprint() {
  # One line that changes when anything that the environment is made from changes.
  { "$base" -c "$identity"
    printf '%s\n' "$venv" "$form"
    cat requirements/*.lock pyproject.toml scripts/install.sh
    cat dashboard/frontend/package-lock.json scripts/frontend.py 2>/dev/null || true
  } | sha256sum | cut -d' ' -f1
}

is_current() {
  [ -x "$python" ] && [ -f "$stamp" ] || return 1
  local done_profile done_print
  read -r done_profile done_print <"$stamp" || return 1
  [ "$done_print" = "$print" ] || return 1
  [ "$done_profile" = "$profile" ] || [ "$done_profile" = all ] || return 1
  "$python" scripts/check_locks.py --installed "requirements/$done_profile.lock" >/dev/null 2>&1
}

need_space() {
  local need_mib=$1 free_mib
  free_mib=$(df --portability --block-size=1M "$(dirname -- "$venv")" | awk 'NR == 2 { print $4 }')
  [ "$free_mib" -ge "$need_mib" ] || die "$need_mib MiB of disk are needed here, $free_mib are free" \
    "make room, or put the environment elsewhere: VENV=/other/disk/venv make setup"
}

is_whole() {
  # Made here, by this very Python: scripts hold both paths.
  [ -x "$python" ] && grep --quiet --fixed-strings "$python" "$venv/bin/pip" 2>/dev/null &&
    [ "$("$python" -c "$identity" 2>/dev/null)" = "$("$base" -c "$identity")" ]
}

make_venv() {
  if is_whole; then return; fi
  if [ -e "$venv" ]; then
    # Only what is plainly a virtual environment is thrown away.
    [ -f "$venv/pyvenv.cfg" ] || [ -z "$(ls -A "$venv")" ] ||
      die "$venv is no virtual environment" "move it away, then run this again"
    say "$venv is broken, moved or of another Python: making it anew"
    rm -rf -- "$venv"
  fi
  say "making $venv with $("$base" --version)"
  if "$base" -c 'import ensurepip, venv' 2>/dev/null; then
    "$base" -m venv "$venv"
  else
    # Debian keeps ensurepip in python3-venv. Any pip will do to bring the pinned one.
    borrow_pip && "$base" -m venv --without-pip "$venv" 2>/dev/null ||
      die "this Python can make no virtual environment" \
        "Debian, Ubuntu: apt-get install python3-venv" \
        "without root: PYTHON=/path/to/another/python3 make setup"
    PYTHONPATH=$borrowed "$python" -m pip install --quiet --no-deps --require-hashes \
      --ignore-installed --requirement requirements/build.lock
  fi
}

borrow_pip() {
  # Sets $borrowed to a wheel or folder that holds pip: this Python's own, else Debian's wheel,
  # fetched without root and with package lists of our own where the system's are empty.
  borrowed=$("$base" -c 'import pathlib, pip; print(pathlib.Path(pip.__file__).parents[1])' \
    2>/dev/null) && return
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return
  scratch=$(mktemp -d)
  say "no ensurepip here: borrowing pip from Debian's package python3-pip-whl"
  local own=(-o "Dir::State::lists=$scratch/lists" -o "Dir::Cache=$scratch/cache"
    -o Debug::NoLocking=1)
  mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
  (
    cd "$scratch"
    apt-get -qq download python3-pip-whl ||
      { apt-get -qq "${own[@]}" update && apt-get -qq "${own[@]}" download python3-pip-whl; }
    dpkg-deb --extract python3-pip-whl_*.deb .
  ) >/dev/null 2>&1 || return
  borrowed=$(echo "$scratch"/usr/share/python-wheels/pip-*.whl)
  [ -f "$borrowed" ]
}

pip_install() {
  local quiet=()
  [ -t 1 ] || quiet=(--quiet --progress-bar off)
  "$python" -m pip install "${quiet[@]}" --disable-pip-version-check --no-input --no-deps "$@"
}

without_opencv() {
  # The lock without opencv-python: its entry and the hash lines that follow it.
  awk '/^opencv-python==/ { skip = 1 }
       !skip { print }
       skip && !/\\$/ { skip = 0 }' "$1"
}

has() { "$python" -c "import importlib.metadata as m; m.version('$1')" 2>/dev/null; }
cv2_works() { "$python" -c 'import cv2; cv2.VideoCapture, cv2.imdecode' 2>/dev/null; }

install_packages() {
  pip_install --require-hashes --requirement requirements/build.lock
  if has opencv-python-headless && ! has opencv-python; then
    local rest
    rest=$(mktemp)
    without_opencv "$lock" >"$rest"
    pip_install --require-hashes --only-binary :all: --requirement "$rest"
    rm -f -- "$rest"
  else
    pip_install --require-hashes --only-binary :all: --requirement "$lock"
  fi
  cv2_works || take_headless_opencv
}

take_headless_opencv() {
  # opencv-python links libGL, libxcb and libgthread. Where they are absent, the headless wheel
  # of the same version does the same work. Both own the folder cv2, so neither may stay.
  say "opencv-python does not load here (no libGL, libxcb or libgthread): taking the headless one"
  "$python" -m pip uninstall --quiet --yes opencv-python
  pip_install --force-reinstall --require-hashes --only-binary :all: --requirement requirements/headless.lock
  cv2_works || die "opencv does not load: $("$python" -c 'import cv2' 2>&1 | tail -n 1)" \
    "Debian, Ubuntu: apt-get install libgl1 libglib2.0-0"
}

check_requirements() {
  # ultralytics and supervision name opencv-python; the headless wheel stands in for it.
  local problems
  problems=$("$python" -m pip check --disable-pip-version-check 2>&1 |
    grep -v -e '^No broken requirements' -e 'requires opencv-python, which is not installed' || true)
  [ -z "$problems" ] || die "the locks do not fit this Python or machine:" "$problems"
}

install_frontend() {
  # What the pages take from npm; the wheel carries it.
  local dev=()
  [ "$profile" = all ] && dev=(--dev)
  "$python" scripts/frontend.py "${dev[@]}" ||
    die "the dashboard's libraries could not be fetched from npm, see above"
}

install_project() {
  [ "$form" = --packages ] || install_frontend
  case $form in
    --link) pip_install --quiet --no-build-isolation --editable . ;;
    --copy) pip_install --quiet --no-build-isolation --force-reinstall . ;;
    --packages) ;;
  esac
}

base=$(find_python)
identity='import sys; print(sys.version, sys.base_prefix)'
print=$(fingerprint)
if is_current; then
  exit 0
fi

# A second make in the same folder waits for the first.
mkdir -p -- "$(dirname -- "$venv")"
exec 9>"${venv%/}.lock"
if command -v flock >/dev/null; then flock 9; fi
is_current && exit 0

if [ ! -d "$venv" ]; then
  if [ "$profile" = all ]; then need_space 10000; else need_space 2000; fi
fi
# What was complete for all extras stays complete for all extras.
if [ -f "$stamp" ] && [ "$(cut -d' ' -f1 "$stamp")" = all ]; then
  profile=all
  lock=requirements/all.lock
fi
make_venv
rm -f -- "$stamp"
say "installing the $profile packages ($(grep -c '^[a-z0-9]' "$lock") of them, by hash)"
install_packages
check_requirements
install_project
printf '%s %s\n' "$profile" "$print" >"$stamp"
say "done: $venv"
