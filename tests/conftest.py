"""Fixtures that every part's tests share."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.programs import (  # noqa: F401 - pytest finds hooks by their names here
    pytest_runtest_setup,
    pytest_terminal_summary,
)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The checkout's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Labelled evaluation data, where it lies beside the checkout."""
    path = ROOT.parent / "shared" / "data" / "evaluation"
    if not path.is_dir():
        pytest.skip("no evaluation data beside this checkout")
    return path


@pytest.fixture
def free_port() -> int:
    """A TCP port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests (marked `anyio`) run on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Plain tracebacks: with the values of each frame they take seconds, in the store's thread too.

    A command that ran in this process leaves no log that writes to its closed streams.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    yield
    structlog.reset_defaults()
