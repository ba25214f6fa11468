"""The blocks of a page that tests run: each stands below `<!-- KIND NAME -->`."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"<!-- (\w+) ([\w.-]+) -->\n```\w*\n(.*?)\n```", re.DOTALL)


def blocks(page: Path, kind: str) -> dict[str, str]:
    """Name to text of the page's blocks of one kind."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return {name: text for each, name, text in found if each == kind}
