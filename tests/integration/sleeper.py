"""A process for the supervisor's tests: says `ready`, then waits; `deaf` ignores SIGTERM."""

from __future__ import annotations

import signal
import sys

if "deaf" in sys.argv[1:]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdout.write("ready\n")
sys.stdout.flush()
while True:
    signal.pause()
