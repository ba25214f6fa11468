"""Where things lie on the box: one object that every process is started with."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders and files of one node.

    Attributes:
        site_file: the site file that is in force.
        data_dir: what must survive: database, evidence, journal.
        run_dir: what need not: sockets, previews, positions, logs; on tmpfs where there is one.
        models_dir: fetched and converted weights.
    """

    site_file: Path
    data_dir: Path
    run_dir: Path
    models_dir: Path

    @property
    def socket(self) -> Path:
        """The agent core's Unix socket, to which vision group and reasoner connect."""
        return self.run_dir / "core.sock"

    @property
    def database(self) -> Path:
        """The SQLite file: the truth about alarms on this node."""
        return self.data_dir / "hazard.db"

    @property
    def audit_heads(self) -> Path:
        """How far the chains of the audit were: against lines that are cut off at the end."""
        return self.data_dir / "audit.heads"

    @property
    def evidence(self) -> Path:
        """Content-addressed evidence: `evidence/ab/abcd….jpg`."""
        return self.data_dir / "evidence"

    @property
    def reports(self) -> Path:
        """Reports of weeks: `reports/abcd….pdf`."""
        return self.data_dir / "reports"

    @property
    def previews(self) -> Path:
        """Latest annotated picture per camera: `previews/CAMERA.jpg`, at most 2 a second."""
        return self.run_dir / "previews"

    @property
    def positions(self) -> Path:
        """How far each file source was read, so that a restarted decoder goes on there."""
        return self.run_dir / "positions"

    @property
    def supervisor_state(self) -> Path:
        """JSON that the supervisor writes: processes, pids, restarts."""
        return self.run_dir / "supervisor.json"

    @property
    def health_state(self) -> Path:
        """JSON that the core writes every second: all stages, also where the disk is full."""
        return self.run_dir / "health.json"

    def create(self) -> None:
        """Make the folders; run and data folders are for the owner only (mode 0700)."""
        for folder in (self.data_dir, self.run_dir, self.evidence, self.previews, self.positions):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.models_dir.mkdir(parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """The variables by which a child process finds the same folders."""
        return {
            "HAZARD_SITE_FILE": str(self.site_file),
            "HAZARD_DATA_DIR": str(self.data_dir),
            "HAZARD_RUN_DIR": str(self.run_dir),
            "HAZARD_MODELS_DIR": str(self.models_dir),
        }

    @classmethod
    def from_environment(cls) -> Paths:
        """The folders that the parent process has set.

        Raises:
            KeyError: if a variable is missing.
        """
        return cls(
            site_file=Path(os.environ["HAZARD_SITE_FILE"]),
            data_dir=Path(os.environ["HAZARD_DATA_DIR"]),
            run_dir=Path(os.environ["HAZARD_RUN_DIR"]),
            models_dir=Path(os.environ["HAZARD_MODELS_DIR"]),
        )


def default_models_dir() -> Path:
    """`$HAZARD_MODELS_DIR`, else `$XDG_CACHE_HOME/hazard-edge/models`, else `~/.cache/…`."""
    if "HAZARD_MODELS_DIR" in os.environ:
        return Path(os.environ["HAZARD_MODELS_DIR"])
    cache = os.environ.get("XDG_CACHE_HOME")
    base = Path(cache) if cache else Path.home() / ".cache"
    return base / "hazard-edge" / "models"


def runtime_dir(name: str) -> Path:
    """A folder for `name` on tmpfs (`/dev/shm`) where that is writable, else in the temp folder.

    Socket paths are limited to 107 bytes, so the name should be short.
    """
    shm = Path("/dev/shm")  # noqa: S108 - tmpfs by design; the folder is made with mode 0700
    base = shm if shm.is_dir() and os.access(shm, os.W_OK) else Path(tempfile.gettempdir())
    return base / f"hazard-{os.getuid()}-{name}"
