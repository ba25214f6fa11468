"""`python -m edge_agent.cli`: the same as the console script `hazard`."""

from __future__ import annotations

from edge_agent.cli import main

if __name__ == "__main__":
    main()
