"""The signed bundle of one incident: a ZIP that can be checked without this program's database.

Every file stands in `manifest.json` with size and sha256; `manifest.sig` is the Ed25519 signature
of that file's bytes by the node's key, and `public-key.txt` the key. Names are made here, never
taken from outside; the order, and the times in the ZIP, are the same each time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hazard.errors import StoreError
from hazard.store.export.atomic import replacing
from hazard.store.export.gather import Gathered, Row, find_subject
from hazard.store.export.manifest import (
    MANIFEST,
    SIGNATURE,
    BundledFile,
    Manifest,
    MissingEvidence,
)
from hazard.store.export.signing import public_text
from hazard.store.export.writers import iso
from hazard.types import Evidence

DOCUMENTS = 12
"""Of `Gathered.documents`, for the progress."""
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4"}
CHUNK_BYTES = 1024 * 1024
COVERED = "people in the pictures are covered; the original's sha256 is each file's name"
Cover = Callable[[Evidence, bytes], bytes | None]
"""A piece of evidence as it may leave: its people covered, or None where it is withheld."""
README = """Bundle of one incident, made by Hazard Edge.

Check it:  hazard export verify THIS.zip --key ed25519:KEY
With the node's public key, got by another way than this file, the check proves who signed;
without it only that nothing was changed since.

Without the program: manifest.json lists the sha256 of every file; manifest.sig is the Ed25519
signature (base64) of the bytes of manifest.json.

audit.jsonl has the audit lines about the incident. The hash of a line is the sha256 of
PREVIOUS_HASH, a line feed, and the line as JSON with sorted keys and no spaces (chain, at, actor,
verb, subject, details). audit-links.jsonl has the hashes of the lines between and beside them,
audit-heads.jsonl the end of each chain at the time of the export.
"""


@dataclass(frozen=True, slots=True)
class BundleMade:
    """What was written."""

    manifest: Manifest
    size_bytes: int


def make_bundle(
    engine: Engine,
    wanted: str,
    target: Path,
    *,
    evidence_dir: Path,
    key: Ed25519PrivateKey,
    made_by: str,
    made_at: datetime,
    cover: Cover | None = None,
    tell: Callable[[float], None] = lambda _share: None,
) -> BundleMade:
    """Write the bundle of an incident, named by its or its alert's id or the beginning of one.

    `cover` makes of each piece of evidence what may leave; without it, all goes in as it is.
    `tell` hears how much is written, 0 to 1.

    Raises:
        StoreError: if there is no such incident, or the file cannot be written.
    """
    try:
        with (
            engine.connect() as connection,
            replacing(target) as path,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            gathered = Gathered(connection, find_subject(connection, wanted))
            bundle = _Bundle(archive, made_at)
            bundle.add("README.txt", [README.encode()])
            bundle.add("public-key.txt", [f"{public_text(key.public_key())}\n".encode()])
            for number, (name, content) in enumerate(gathered.documents(), start=1):
                if content is not None:
                    bundle.add(name, _encoded(content))
                tell(0.5 * number / DOCUMENTS)
            missing = list(_add_evidence(bundle, gathered.evidence(), evidence_dir, cover, tell))
            if cover is not None:
                gathered.notes.append(COVERED)
            alert = gathered.alert or {}
            manifest = Manifest(
                incident_id=gathered.subject.incident_id,
                alert_id=gathered.subject.alert_id,
                site=alert.get("site"),
                node=alert.get("node"),
                made_at=made_at,
                made_by=made_by,
                program_version=version("hazard-edge"),
                public_key=public_text(key.public_key()),
                files=tuple(bundle.files),
                evidence_missing=tuple(missing),
                notes=tuple(gathered.notes),
            )
            text = manifest.text()
            bundle.add(MANIFEST, [text])
            bundle.add(SIGNATURE, [base64.b64encode(key.sign(text)) + b"\n"])
    except SQLAlchemyError as error:
        raise StoreError(f"the store cannot be read: {getattr(error, 'orig', error)}") from error
    return BundleMade(manifest, target.stat().st_size)


class _Bundle:
    def __init__(self, archive: zipfile.ZipFile, made_at: datetime) -> None:
        self.files: list[BundledFile] = []
        self._archive = archive
        self._time = made_at.astimezone(UTC).timetuple()[:6]

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write one file; what it holds is never in memory as a whole."""
        entry = zipfile.ZipInfo(name, self._time)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o600 << 16
        digest, size = hashlib.sha256(), 0
        with self._archive.open(entry, "w", force_zip64=True) as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self.files.append(BundledFile(name=name, size_bytes=size, sha256=digest.hexdigest()))


def _add_evidence(
    bundle: _Bundle,
    rows: list[Row],
    folder: Path,
    cover: Cover | None,
    tell: Callable[[float], None],
) -> Iterator[MissingEvidence]:
    """Add the files that are there and whole; name the others."""
    for number, row in enumerate(rows):
        tell(0.5 + 0.5 * number / len(rows))
        evidence_id = str(row["evidence_id"])
        path = _find(folder, evidence_id)
        if path is None:
            pruned = row["deleted_at"] is not None
            why = "pruned" if pruned else "not on this machine"
            yield MissingEvidence.model_validate({"evidence_id": evidence_id, "why": why})
        elif _sha256(path) != evidence_id:
            yield MissingEvidence(evidence_id=evidence_id, why="damaged")
        else:
            extension = EXTENSIONS.get(row["payload"].get("media_type", ""), "bin")
            if cover is None:
                bundle.add(f"evidence/{evidence_id}.{extension}", _chunks(path))
                continue
            made = cover(Evidence.model_validate(row["payload"]), path.read_bytes())
            if made is None:
                yield MissingEvidence(evidence_id=evidence_id, why="withheld")
            else:
                bundle.add(f"evidence/{evidence_id}.covered.{extension}", [made])


def _find(folder: Path, evidence_id: str) -> Path | None:
    if not all(letter in "0123456789abcdef" for letter in evidence_id):
        return None  # not one of ours: never a path
    found = sorted((folder / evidence_id[:2]).glob(f"{evidence_id}.*"))
    return found[0] if found and found[0].is_file() and not found[0].is_symlink() else None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _encoded(content: Iterable[Mapping[str, Any]] | Row) -> Iterator[bytes]:
    if isinstance(content, dict):
        yield json.dumps(content, indent=1, sort_keys=True, default=_time).encode() + b"\n"
        return
    for line in content:
        yield json.dumps(line, sort_keys=True, default=_time).encode() + b"\n"


def _time(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} has no place in a bundle")
