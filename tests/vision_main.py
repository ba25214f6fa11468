"""The vision process with the tests' detector of bright things in place of a model."""

import asyncio

from edge_agent.paths import Paths
from edge_agent.process import die_with_parent
from edge_agent.vision.group import serve
from hazard.logs import configure_logging
from tests.vision import open_bright

if __name__ == "__main__":
    die_with_parent()
    configure_logging("vision")
    asyncio.run(serve(Paths.from_environment(), open_bright))
