"""What a bundle says of itself: every file with size and sha256, and what could not be had."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hazard.types import Model, UtcTime

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
MAX_FILES = 20_000


class BundledFile(Model):
    """One file of the bundle."""

    name: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class MissingEvidence(Model):
    """Evidence that is not in the bundle, and why."""

    evidence_id: str
    why: Literal["pruned", "not on this machine", "damaged", "withheld"]


class Manifest(Model):
    """The signed list of a bundle. `notes` says what is cut or left out."""

    format: Literal["hazard-bundle/1"] = "hazard-bundle/1"
    incident_id: str
    alert_id: str | None
    site: str | None
    node: str | None
    made_at: UtcTime
    made_by: str
    program_version: str
    public_key: str
    files: tuple[BundledFile, ...] = Field(max_length=MAX_FILES)
    evidence_missing: tuple[MissingEvidence, ...] = ()
    notes: tuple[str, ...] = ()

    def text(self) -> bytes:
        """The bytes that are signed."""
        return self.model_dump_json(indent=1).encode() + b"\n"
