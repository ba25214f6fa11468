"""The site file as it lies on disk: text, hash and data, before defaults are filled in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hazard.site.loader import load_data
from hazard.site.text import read_content


@dataclass(frozen=True, slots=True)
class SiteDocument:
    """One content of the site file.

    Attributes:
        data: what it says, with no default filled in; secrets stand in it by reference only.
    """

    text: str
    sha256: str
    data: dict[str, Any]


def read_document(path: Path) -> SiteDocument:
    """The site file now.

    Raises:
        SiteFileError: (a ConfigError) if it cannot be read as YAML, with the place and the mend.
    """
    content = read_content(path)
    return SiteDocument(content.text, content.sha256, load_data(content.text, path))
