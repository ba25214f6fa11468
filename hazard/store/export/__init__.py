"""What leaves the store for other programs and people: lists, and signed bundles of an incident."""

from __future__ import annotations

from hazard.store.export.bundle import BundleMade, make_bundle
from hazard.store.export.gather import find_subject
from hazard.store.export.lists import Kind, Where, export_list
from hazard.store.export.signing import public_text, signing_key
from hazard.store.export.verify import Verdict, verify_bundle
from hazard.store.export.writers import Format

__all__ = [
    "BundleMade",
    "Format",
    "Kind",
    "Verdict",
    "Where",
    "export_list",
    "find_subject",
    "make_bundle",
    "public_text",
    "signing_key",
    "verify_bundle",
]
