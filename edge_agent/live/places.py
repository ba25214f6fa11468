"""Whether weights, ports, folders and recordings are as the agent needs them."""

from __future__ import annotations

import csv
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_agent.live.result import Check, failed, ok, warning
from hazard.errors import HazardError
from hazard.site.models import Site
from hazard.site.sources import CsvSensorSource

_KEEP_FREE = 512 * 1024 * 1024
"""Bytes beside the evidence: database, journal, logs."""

_GIB = 1024**3


def check_weights(site: Site, models_dir: Path) -> Iterator[Check]:
    """Whether the weights of every detector, and of the language model, are there and right."""
    from models.fetch import check  # noqa: PLC0415 - keeps `hazard --help` fast
    from models.manifest import Manifest  # noqa: PLC0415

    names = {detector for camera in site.cameras.values() for detector in camera.detectors}
    manifest = Manifest.load()
    if site.reasoning.enabled:
        model = site.reasoning.model or site.reasoning.backend
        if model in manifest.entries:
            names.add(model)
    for name in sorted(names):
        title = f"weights {name}"
        try:
            status = check(manifest[name], models_dir)
        except HazardError as error:
            yield failed(title, str(error), "see hazard models list")
            continue
        wrong = [file for file in status.files if not file.ok]
        if not wrong:
            yield ok(title, "there, sha256 right")
        for file in wrong:
            found = "is missing" if file.found is None else "has a wrong sha256"
            yield failed(title, f"{file.path.name} {found}", f"hazard models fetch {name}")


def check_port(title: str, host: str, port: int, mend: str) -> Check:
    """Whether this process could listen on a TCP port."""
    if port == 0:
        return ok(title, "takes a free port")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except PermissionError:
        return failed(title, f"{host}:{port} is not allowed", "use a port above 1023")
    except socket.gaierror:
        return failed(title, f"no such address {host}", "use 127.0.0.1 or an address of this box")
    except OSError as error:
        if error.errno is not None and "in use" in (error.strerror or ""):
            return failed(title, f"{host}:{port} is taken", mend)
        return failed(title, f"{host}:{port}: {error.strerror}", mend)
    return ok(title, f"{host}:{port} is free")


def check_ports(site: Site) -> Iterator[Check]:
    """Whether the ports that the agent and the dashboard listen on are free."""
    busy = "stop what listens there (if it is Hazard Edge itself, all is well), or change {}"
    if site.dashboard.enabled:
        mend = busy.format("dashboard.port")
        yield check_port("dashboard port", site.dashboard.host, site.dashboard.port, mend)
    if site.mqtt.embedded:
        mend = busy.format("mqtt.embedded_port")
        for version, port in (
            ("5", site.mqtt.embedded_port),
            ("3.1.1", site.mqtt.embedded_port + 1),
        ):
            yield check_port(f"embedded broker, MQTT {version}", "127.0.0.1", port, mend)
    if site.observe.metrics_port:
        host, port = site.observe.metrics_host, site.observe.metrics_port
        yield check_port("metrics port", host, port, busy.format("observe.metrics_port"))


def check_data_folder(site: Site, folder: Path) -> Check:
    """Whether the data folder can be written and has room for evidence and database."""
    title = "data folder"
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    try:
        with tempfile.TemporaryFile(dir=nearest) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
        free = shutil.disk_usage(nearest).free
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return failed(title, f"{folder} cannot be written ({reason})", "let this user write there")
    wanted = site.retention.evidence_bytes + _KEEP_FREE
    found = f"{folder}: {free / _GIB:.1f} GiB free"
    if free < _KEEP_FREE:
        return failed(
            title, found, f"free {(_KEEP_FREE - free) / _GIB:.1f} GiB, or use another disk"
        )
    if free < wanted:
        mend = f"evidence may take {wanted / _GIB:.1f} GiB: lower retention.evidence_bytes"
        return warning(title, found, mend)
    return ok(title, found)


def check_recordings(site: Site) -> Iterator[Check]:
    """Whether each CSV recording of a sensor has its columns and a number to begin with."""
    for name, sensor in site.sensors.items():
        source = sensor.source
        if isinstance(source, CsvSensorSource):
            yield _recording(f"sensor {name}", source)


def _recording(title: str, source: CsvSensorSource) -> Check:
    try:
        with source.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            first = next(reader, None)
            columns = list(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return failed(title, f"{source.path.name}: {reason}", "correct the path, save it as UTF-8")
    for column in (source.time_column, source.value_column):
        if column not in columns:
            known = ", ".join(columns[:10]) or "none"
            return failed(title, f"no column {column}", f"name one of: {known}")
    if first is None:
        return failed(title, "no reading in the recording", "copy it again")
    try:
        value = float(first[source.value_column])
    except (TypeError, ValueError):
        return warning(
            title, "its first value is not a number", "readings like it are bad evidence"
        )
    return ok(title, f"first value {value:g}")
