"""Whether a bundle is as it was signed. What it holds is hostile until then."""

from __future__ import annotations

import base64
import binascii
import hashlib
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from hazard.errors import StoreError
from hazard.store.export.manifest import (
    MANIFEST,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    Manifest,
)
from hazard.store.export.signing import public_key, public_text

CHUNK_BYTES = 1024 * 1024
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
"""What reading a damaged file of a ZIP raises, by the way in which it is compressed."""
MAX_SIGNATURE_BYTES = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check has found.

    Attributes:
        manifest: what the bundle says of itself; None where it cannot be read.
        faults: everything that is wrong, in words; none if it is whole.
        signer: the public key whose signature was checked.
        known_signer: whether that key was given by the one who checks.
    """

    manifest: Manifest | None
    faults: tuple[str, ...]
    signer: str = ""
    known_signer: bool = False


def verify_bundle(path: Path, key: Ed25519PublicKey | None = None) -> Verdict:
    """Check every file and the signature. Nothing is unpacked.

    Without `key` the signature is checked with the key in the bundle: that proves that nothing was
    changed since it was signed, and not by whom.

    Raises:
        StoreError: if the file cannot be read, or is no bundle.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _verify(archive, key)
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror or error})") from error
    except (*DAMAGED, zipfile.LargeZipFile, NotImplementedError, RuntimeError) as error:
        raise StoreError(f"{path} is no whole ZIP file ({error}): fetch it again") from error


def _verify(archive: zipfile.ZipFile, key: Ed25519PublicKey | None) -> Verdict:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if MANIFEST not in names or SIGNATURE not in names or len(names) > MAX_FILES + 2:
        raise StoreError(f"this is no bundle: {MANIFEST} and {SIGNATURE} belong in it")
    text = _bounded(archive, MANIFEST, MAX_MANIFEST_BYTES)
    try:
        manifest = Manifest.model_validate_json(text)
        signature = base64.b64decode(
            _bounded(archive, SIGNATURE, MAX_SIGNATURE_BYTES).strip(), validate=True
        )
        signer = key or public_key(manifest.public_key)
    except (ValidationError, binascii.Error, StoreError) as error:
        return Verdict(None, (f"manifest or signature cannot be read: {str(error)[:200]}",))
    faults = list(_files(archive, manifest, names))
    if key is not None and manifest.public_key != public_text(key):
        faults.append(f"it names another key: {manifest.public_key}")
    try:
        signer.verify(signature, text)
    except InvalidSignature:
        faults.append("the signature is not of this manifest by this key")
    return Verdict(manifest, tuple(faults), public_text(signer), key is not None)


def _files(archive: zipfile.ZipFile, manifest: Manifest, names: list[str]) -> list[str]:
    listed = {file.name: file for file in manifest.files}
    own = {MANIFEST, SIGNATURE}
    faults = [f"{name!r} is in it twice" for name in sorted(set(names)) if names.count(name) > 1]
    faults += [
        f"{name!r} is not in the manifest" for name in sorted(set(names) - own - set(listed))
    ]
    for name, file in sorted(listed.items()):
        if name not in names:
            faults.append(f"{name} is missing")
            continue
        digest, size = hashlib.sha256(), 0
        try:
            with archive.open(name) as content:
                # One byte beyond what was signed is enough to know: a bomb is not blown up.
                while size <= file.size_bytes and (
                    chunk := content.read(min(CHUNK_BYTES, file.size_bytes - size + 1))
                ):
                    digest.update(chunk)
                    size += len(chunk)
        except (*DAMAGED, OSError, ValueError) as error:
            faults.append(f"{name} is damaged ({error})")
            continue
        if size != file.size_bytes or digest.hexdigest() != file.sha256:
            faults.append(f"{name} was changed")
    return faults


def _bounded(archive: zipfile.ZipFile, name: str, limit_bytes: int) -> bytes:
    with archive.open(name) as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise StoreError(f"{name} is larger than {limit_bytes} bytes: this is no bundle")
    return content
