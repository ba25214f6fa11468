"""Which processes a site needs, and the one place that says how they are started."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from edge_agent.paths import Paths, default_models_dir, runtime_dir
from edge_agent.supervisor import ChildSpec, Supervisor
from hazard.errors import HazardError
from hazard.site.models import Site

NICE_VISION = 15
NICE_REASONER = 15
NICE_DASHBOARD = 10
NICE_REPLICA = 15
NICE_NOTIFIER = 5
NICE_JOBS = 19
"""Alarms come first: the core runs at 0, what can wait yields to it."""


def paths_for(site_file: Path, data_dir: Path | None = None) -> Paths:
    """The folders of the node that runs `site_file`.

    The data folder is `data/` beside the site file unless given; the run folder is on tmpfs and
    named after the site file, so that two sites on one machine do not meet.
    """
    site_file = site_file.resolve()
    name = hashlib.sha256(str(site_file).encode()).hexdigest()[:10]
    return Paths(
        site_file=site_file,
        data_dir=(data_dir or site_file.parent / "data").resolve(),
        run_dir=runtime_dir(name),
        models_dir=default_models_dir(),
    )


def child_specs(site: Site) -> list[ChildSpec]:
    """The processes that this site needs, in the order in which they are started."""
    specs = []
    if site.mqtt.embedded:
        specs.append(
            ChildSpec(
                name="broker",
                module="edge_agent.broker",
                args=("--port", str(site.mqtt.embedded_port)),
                stop_last=True,
            )
        )
    specs.append(ChildSpec(name="core", module="edge_agent.core"))
    if site.cameras:
        specs.append(ChildSpec(name="vision", module="edge_agent.vision", nice=NICE_VISION))
    if site.reasoning.enabled:
        specs.append(ChildSpec(name="reasoner", module="edge_agent.reasoner", nice=NICE_REASONER))
    if site.notify.channels:
        specs.append(ChildSpec(name="notifier", module="edge_agent.notify", nice=NICE_NOTIFIER))
    if site.store.replica_url is not None:
        specs.append(ChildSpec(name="replica", module="edge_agent.replica", nice=NICE_REPLICA))
    specs.append(ChildSpec(name="jobs", module="edge_agent.jobs", nice=NICE_JOBS))
    if site.dashboard.enabled:
        specs.append(ChildSpec(name="dashboard", module="dashboard", nice=NICE_DASHBOARD))
    return specs


def build_supervisor(
    site: Site,
    paths: Paths,
    *,
    log_dir: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Supervisor:
    """The supervisor of one node, ready to run; makes the folders."""
    paths.create()
    return Supervisor(
        child_specs(site),
        environment={
            **paths.environment(),
            **_dashboard_place(site),
            **(environment or {}),
        },
        state_file=paths.supervisor_state,
        log_dir=log_dir,
    )


def _dashboard_place(site: Site) -> dict[str, str]:
    """Where the dashboard listens while the agent runs: as this process was told, or the site."""
    said = {
        "HAZARD_DASHBOARD_HOST": site.dashboard.host,
        "HAZARD_DASHBOARD_PORT": str(site.dashboard.port),
    }
    return {name: os.environ.get(name) or value for name, value in said.items()}


@contextmanager
def only_instance(paths: Paths) -> Iterator[None]:
    """Hold the node's lock while the block runs.

    Raises:
        HazardError: if another instance runs this site.
    """
    paths.create()
    lock = paths.run_dir / "instance.lock"
    with lock.open("a+", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            raise HazardError(
                f"{paths.site_file} is already run by process {handle.read().strip() or '?'}: "
                "stop that one first"
            ) from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
