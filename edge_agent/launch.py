"""Start one module as a child of the supervisor: `python -m edge_agent.launch NAME MODULE`.

The module is named by the supervisor as text, so that the agent does not import the dashboard.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
from pathlib import Path

from edge_agent.process import die_with_parent, last_words
from hazard.logs import configure_logging

USAGE = 2


def be_nice(niceness: int) -> None:
    """Yield to the core by `niceness`, also where the kernel groups processes by session.

    Each child has a session of its own, and with autogroups (sched(7)) a nice value counts only
    within its session: the group's own has to be set as well.
    """
    if not niceness:
        return
    os.nice(niceness)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")


def main() -> int:
    """Set the process up, then run the module as `__main__`."""
    if len(sys.argv) < 3:  # noqa: PLR2004
        print("usage: python -m edge_agent.launch NAME MODULE [ARGS…]", file=sys.stderr)  # noqa: T201
        return USAGE
    name, module = sys.argv[1:3]
    die_with_parent()
    be_nice(int(os.environ.get("HAZARD_NICE", "0")))
    sys.argv = [module, *sys.argv[3:]]
    with last_words():
        configure_logging(name)
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
