"""The node's signing key, and public keys as text (Ed25519, RFC 8032)."""

from __future__ import annotations

import base64
import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hazard.errors import StoreError

PREFIX = "ed25519:"
KEY_FILE = "signing.key"
"""In the data folder."""
PRIVATE = 0o600
OTHERS = 0o077


def signing_key(data_dir: Path) -> Ed25519PrivateKey:
    """The key of this node, made at its first use and readable by its owner only.

    Raises:
        StoreError: if it cannot be read or made, or others may read it.
    """
    path = data_dir / KEY_FILE
    try:
        with suppress(FileExistsError):
            _make(path)
        if path.stat().st_mode & OTHERS:
            raise StoreError(f"{path} may be read by others: chmod 600 it, or remove it for a new")
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise StoreError(
            f"the signing key {path} cannot be read or made ({error.strerror}): "
            "run this as the user of the agent"
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StoreError(f"{path} holds no key: remove it, and a new one is made") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError(f"{path} holds no Ed25519 key: remove it, and a new one is made")
    return key


def _make(path: Path) -> None:
    """Write a new key under another name first: a half-written key is never found."""
    if path.exists():
        return
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            os.fsync(file.fileno())
        os.link(temporary, path)  # fails where another process was first
    finally:
        temporary.unlink(missing_ok=True)


def public_text(key: Ed25519PublicKey) -> str:
    """A public key in one line: `ed25519:` and 32 bytes in base64."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return PREFIX + base64.b64encode(raw).decode()


def public_key(text: str) -> Ed25519PublicKey:
    """The key that `public_text` wrote.

    Raises:
        StoreError: if the text is none.
    """
    scheme, _, encoded = text.strip().partition(":")
    try:
        raw = base64.b64decode(encoded if f"{scheme}:" == PREFIX else "", validate=True)
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise StoreError(f"{text[:60]!r} is no public key: want {PREFIX}BASE64") from error
