"""What axe finds on a page: WCAG 2.2 A and AA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


def faults(page: Page) -> list[str]:
    """The violations of the page as it stands: rule, and the first elements."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(
        "tags => axe.run({runOnly: {type: 'tag', values: tags}}).then(all => all.violations)",
        list(TAGS),
    )
    return [
        f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        f" {one['nodes'][0]['failureSummary'][:300]}"
        for one in found
    ]


def overflow_px(page: Page) -> int:
    """How much wider than its window the page is."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return wider
