"""Walks the dashboard's pages in a browser: opens each, looks at it, and says what is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page

from dashboard.access import Permission, Person
from dashboard.app import create_app
from dashboard.backend import open_backend
from dashboard.i18n import catalogue
from dashboard.security import COOKIE
from dashboard.settings import Settings
from hazard.store import Store
from hazard.types import Role
from tests.dashboard_walk import pages

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = {360: 800, 1360: 900, 3840: 2160}
SETTLE_MS = 400
"""Fragments that a page fetches by itself at its start."""
SERIOUS = ("serious", "critical")
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
ENGLISH = re.compile(r"[A-Za-z]{3,}")


def pictures_folder() -> Path:
    """Where screenshots go: kept as artefacts, looked at by people."""
    return Path(os.environ.get("HAZARD_SCREENSHOTS", ROOT / "artifacts" / "screenshots"))


class Ground:
    """One running dashboard with its database, and its routes.

    Args:
        address: where it listens.
        settings: as the process has them; the routes are read from an application like it.

    Attributes:
        code: the one-time code of its console, where somebody is to set it up.
    """

    def __init__(self, address: str, settings: Settings) -> None:
        self.address = address.rstrip("/")
        self.settings = settings
        self.code = ""

    def paths(self, known: dict[str, str]) -> list[tuple[str, Permission | None, bool]]:
        """Every page: path, permission, and whether it surely exists."""
        backend = open_backend(self.settings.database)
        try:
            app: FastAPI = create_app(self.settings, backend)
            return pages(app, known)
        finally:
            backend.close()

    def session_of(self, role: Role, name: str = "") -> str:
        """The session of a new person."""
        now = datetime.now(UTC)
        with Store.open(self.settings.database, commit_timeout_ms=10_000) as store:
            people = store.people
            called = name or f"{role.value} {now.timestamp():.0f}"
            account = people.accounts.create(called, role, (), by="test", now=now)
            return people.logins.open_session(account, now, lifetime=timedelta(hours=2))

    def known(self) -> dict[str, str]:
        """Values of the routes' parameters: the worst and newest that there are."""
        with Store.open(self.settings.database, commit_timeout_ms=10_000) as store:
            alerts = store.queries.list_alerts(limit=50).alerts
            best = max(alerts, key=lambda each: (len(each.evidence), each.severity.rank))
            found = {"alert_id": best.alert_id, "incident_id": best.alert_id}
            if best.evidence:
                found["evidence_id"] = best.evidence[0].evidence_id
            accounts = store.people.accounts.all()
            if accounts:
                found["account_id"] = accounts[0].account_id
        site = self.settings.site_file.read_text(encoding="utf-8")
        camera = re.search(r"cameras:\s*\n?\s*\{?\s*\"?([\w-]+)\"?:", site)
        if camera is not None:
            found["camera_id"] = camera.group(1)
        return found


class Walker:
    """A browser of one person; collects what goes wrong on the way.

    Attributes:
        faults: script errors, refused loads, foreign requests, each with its page.
    """

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context, self.address = context, address
        self.faults: list[str] = []
        self.requested: list[str] = []
        self._at = ""
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self._fault(f"script error: {error}"))
        self.page.on("console", lambda said: self._hear(said.type, said.text))
        context.on("request", lambda request: self._note(request.url))

    def _fault(self, text: str) -> None:
        self.faults.append(f"{self._at}: {text}")

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and "Failed to load resource" not in text and "ERR_" not in text:
            self._fault(text)

    def _note(self, url: str) -> None:
        self.requested.append(url)
        if not url.startswith((self.address, "blob:", "data:")):
            self._fault(f"a foreign request: {url}")

    def opens(self, path: str) -> int:
        """Go to a page and let it settle; the status."""
        self._at = path
        answer = self.page.goto(f"{self.address}{path}", wait_until="load")
        self.page.wait_for_timeout(SETTLE_MS)
        return answer.status if answer is not None else 0

    def pictures(self, path: str, folder: Path) -> None:
        """The page at three widths, light and dark; a page that scrolls sideways is a fault."""
        name = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "overview"
        folder.mkdir(parents=True, exist_ok=True)
        for width, height in WIDTHS.items():
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                self.page.screenshot(path=folder / f"{name}-{width}-{scheme}.png")
            wide: int = self.page.evaluate(
                "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if wide > 1:
                self._fault(f"scrolls sideways by {wide} px at {width} px")

    def barriers(self, axe: str) -> list[str]:
        """What keeps people from using this page (WCAG 2.2 AA), serious or worse."""
        self.page.evaluate(axe)
        found: list[dict[str, Any]] = self.page.evaluate(
            "(rules) => axe.run(document, rules).then((r) => r.violations)", RULES
        )
        return [
            f"{self._at}: {each['id']}: {each['help']}: {each['nodes'][0]['html'][:160]}"
            for each in found
            if each["impact"] in SERIOUS
        ]

    def leftovers(self, path: str, language: str) -> list[str]:
        """Words that are translated into this language, and stand on the page in English."""
        answer = self.context.request.get(
            f"{self.address}{path}",
            headers={"accept-language": language, "accept": "text/html"},
            params={"lang": language},
        )
        words = _Words()
        words.feed(answer.text())
        told = catalogue(language)
        right = {message.string for message in told if isinstance(message.string, str)}
        return [
            f"{path} in {language}: {text!r}"
            for text in sorted(words.found)
            if (message := told.get(text)) is not None
            and message.string
            and text not in right
            and ENGLISH.search(text)
        ]


class _Words(HTMLParser):
    """The words of a page as people read or hear them, but for those that are said to be English.

    What is written in small letters and is one word may be data: a name, a figure's, a verb.
    """

    SPOKEN = ("aria-label", "title", "placeholder", "alt")
    SILENT = ("script", "style", "code", "pre")
    EMPTY = ("br", "hr", "img", "input", "link", "meta", "source", "wbr", "image", "col")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: set[str] = set()
        self._inside: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        silent = tag in self.SILENT or (given.get("lang") == "en" and tag != "html")
        if not silent and not any(self._inside):
            for name in self.SPOKEN:
                self._hear(given.get(name) or "")
        if tag not in self.EMPTY:
            self._inside.append(silent)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY and self._inside:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._inside):
            for part in data.split(" · "):  # a window's title is put together so
                self._hear(part)

    def _hear(self, data: str) -> None:
        text = " ".join(data.split())
        if " " in text or text[:1].isupper():
            self.found.add(text)


@contextmanager
def walker(browser: Browser, ground: Ground, session: str) -> Iterator[Walker]:
    """A browser of the person whose session this is."""
    context = browser.new_context(viewport={"width": 1360, "height": 900}, locale="en-GB")
    context.add_cookies([{"name": COOKIE, "value": session, "url": ground.address}])
    try:
        yield Walker(context, ground.address)
    finally:
        context.close()


def allowed(role: Role, permission: Permission | None) -> bool:
    """Whether a person of this role may see a page of this permission."""
    somebody = Person(account_id="x", name="x", role=role)
    return permission is None or somebody.may(permission)


def check_role(
    walking: Walker, role: Role, paths: Sequence[tuple[str, Permission | None, bool]]
) -> list[str]:
    """Open every page in a role; what does not answer as the table of permissions says."""
    wrong = []
    for path, permission, exists in paths:
        status = walking.opens(path)
        if not allowed(role, permission):
            fits = status == 403
        else:
            fits = status < 400 or (status == 404 and not exists)
        if not fits:
            wrong.append(f"{role.value} at {path} ({permission}): {status}")
    return wrong
