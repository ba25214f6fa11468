"""The versions of the site file as pages and the API show them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import fastapi
from fastapi import HTTPException
from pydantic import Field

from dashboard.backend import Backend
from hazard.site.change import unified
from hazard.site.versions import SiteVersion, SiteVersionHead
from hazard.types import Model

PAGE = 50
LARGEST = 2**53
VersionNumber = Annotated[int, fastapi.Path(ge=1, le=LARGEST)]


class VersionPage(Model):
    """Versions, newest first."""

    versions: tuple[SiteVersionHead, ...]
    next_before: int | None = Field(description="give it as `before` for earlier ones")


class VersionDiff(Model):
    """What lies between two versions.

    Attributes:
        earlier: None: there is no earlier one, everything is new.
        newest: number of the newest version, which is in force.
        newest_sha256: its hash: give it as base_sha256 to bring another back.
    """

    version: SiteVersionHead
    earlier: SiteVersionHead | None
    newest: int
    newest_sha256: str
    diff: str


class Since(Model):
    """What others have made of the site file since a content of it."""

    versions: tuple[SiteVersionHead, ...]
    diff: str = Field(description="of the text; empty where the earlier content is not known")


def page_of(backend: Backend, before: int | None, limit: int = PAGE) -> VersionPage:
    """One page of versions."""
    found = backend.versions.heads(before=before, limit=limit + 1)
    more = found[limit - 1].version if len(found) > limit else None
    return VersionPage(versions=tuple(found[:limit]), next_before=more)


def between(backend: Backend, path: Path, version: int, against: int | None) -> VersionDiff:
    """What `version` changed against another, by default the one before it.

    Raises:
        HTTPException: 404 where one of them does not exist.
    """
    wanted = _get(backend, version)
    if against is None:
        heads = backend.versions.heads(before=version, limit=1)
        earlier = _get(backend, heads[0].version) if heads else None
    else:
        earlier = _get(backend, against)
    newest = backend.versions.heads(limit=1)
    return VersionDiff(
        version=_head(wanted),
        earlier=None if earlier is None else _head(earlier),
        newest=newest[0].version,
        newest_sha256=newest[0].sha256,
        diff=unified("" if earlier is None else earlier.text, wanted.text, path.name),
    )


def since(backend: Backend, path: Path, sha256: str, text: str) -> Since:
    """What has become of the content with that hash; `text` is the file now."""
    known = backend.versions.of_content(sha256)
    heads = backend.versions.heads(limit=PAGE)
    if known is None:
        return Since(versions=tuple(heads[:1]), diff="")
    newer = tuple(head for head in heads if head.version > known.version)
    return Since(versions=newer, diff=unified(known.text, text, path.name))


def _get(backend: Backend, version: int) -> SiteVersion:
    found = backend.versions.get(version)
    if found is None:
        raise HTTPException(404, f"there is no version {version}: look at /site/versions")
    return found


def _head(version: SiteVersion) -> SiteVersionHead:
    return SiteVersionHead(
        **{name: getattr(version, name) for name in SiteVersionHead.model_fields}
    )
