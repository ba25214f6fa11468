"""Versions of the site file: each content that was in force, who made it so, and why."""

from __future__ import annotations

from pydantic import Field

from hazard.types import Model, UtcTime

BY_HAND = "by hand"
"""Who made a version that somebody wrote into the file itself, beside the agent."""


class SiteVersionHead(Model):
    """One version without its text. Numbers only grow; a version never changes.

    A site file holds no password (the models refuse one), so that a version shows whom may edit
    the site no more than the file did.
    """

    version: int = Field(ge=1)
    node: str = Field(max_length=64)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the file's bytes")
    actor: str = Field(min_length=1, max_length=64, description="`by hand`: not by a request")
    reason: str = Field(default="", max_length=2000)
    summary: str = Field(default="", max_length=2000, description="against the version before")
    restored_from: int | None = Field(default=None, ge=1, description="an earlier version")
    made_at: UtcTime


class SiteVersion(SiteVersionHead):
    """One version with its text."""

    text: str
