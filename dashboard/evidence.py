"""Stored pictures and clips as people may see them: blurred, or clear by a ticket.

A ticket is given to one person for one piece of evidence, after a line in the audit; it is an HMAC
with a key of this process, so that nothing has to be stored, and is worth nothing to anybody else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from hazard.blurring import blurred, without_metadata
from hazard.errors import StoreError
from hazard.types import Evidence

SHA256 = re.compile(r"[0-9a-f]{64}")
FILE_MAX = 32 * 1024 * 1024
CACHE_BYTES = 48 * 1024 * 1024
"""Of blurred pictures kept in memory; the ones that were not asked for the longest go first."""
CHECKED_MAX = 512
CHUNK_BYTES = 1024 * 1024
CLEAR_FOR = timedelta(minutes=10)
"""How long a clear picture can be loaded after it was asked for."""
ENDINGS = {"snapshot": "jpg", "clip": "mp4"}


class NotThere(StoreError):  # noqa: N818 - named for what it says
    """The file of the evidence is not on this machine's disk."""


class Damaged(StoreError):  # noqa: N818 - named for what it says
    """The file on disk is not what was stored."""


class EvidenceRoom:
    """Gives out what lies in the folder of evidence. Safe to call from any thread."""

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._folder, self._now = folder, now
        self._key = secrets.token_bytes(32)
        self._guard = threading.Lock()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._held = 0
        self._checked: OrderedDict[str, tuple[int, int]] = OrderedDict()

    # ------------------------------------------------------------ files

    def path(self, evidence: Evidence) -> Path:
        """Where its file lies, whether it is there or not."""
        name = f"{evidence.evidence_id}.{ENDINGS[evidence.kind]}"
        return self._folder / evidence.evidence_id[:2] / name

    def is_here(self, evidence: Evidence) -> bool:
        """Whether its file is on this machine."""
        return self.path(evidence).is_file()

    def picture(self, evidence: Evidence, *, clear: bool) -> bytes:
        """The picture as JPEG without metadata, people in it covered unless `clear`.

        Raises:
            NotThere: if its file is not on this machine.
            Damaged: if it is not the one that was stored, or no picture.
        """
        if clear:
            return self._made(evidence, without_metadata)
        with self._guard:
            kept = self._pictures.get(evidence.evidence_id)
            if kept is not None:
                self._pictures.move_to_end(evidence.evidence_id)
                return kept
        made = self._made(evidence, lambda data: blurred(data, evidence.people))
        self._keep(evidence.evidence_id, made)
        return made

    def clip(self, evidence: Evidence) -> Path:
        """The clip's file, once its content was found to be what was stored.

        Raises:
            NotThere: if its file is not on this machine.
            Damaged: if it is not the one that was stored.
        """
        path = self.path(evidence)
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            with self._guard:
                if self._checked.get(evidence.evidence_id) == stamp:
                    return path
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
        except OSError as error:
            raise NotThere("the clip is not on this machine's disk") from error
        if digest.hexdigest() != evidence.evidence_id:
            raise Damaged("the file on disk is not the evidence that was stored")
        with self._guard:
            self._checked[evidence.evidence_id] = stamp
            while len(self._checked) > CHECKED_MAX:
                self._checked.popitem(last=False)
        return path

    def _made(self, evidence: Evidence, make: Callable[[bytes], bytes]) -> bytes:
        try:
            with self.path(evidence).open("rb") as file:
                data = file.read(FILE_MAX + 1)
        except OSError as error:
            raise NotThere("the picture is not on this machine's disk") from error
        if hashlib.sha256(data).hexdigest() != evidence.evidence_id:
            raise Damaged("the file on disk is not the evidence that was stored")
        try:
            return make(data)
        except StoreError as error:
            raise Damaged(str(error)) from error

    def _keep(self, evidence_id: str, made: bytes) -> None:
        with self._guard:
            if evidence_id in self._pictures or len(made) > CACHE_BYTES:
                return
            self._pictures[evidence_id] = made
            self._held += len(made)
            while self._held > CACHE_BYTES:
                _, gone = self._pictures.popitem(last=False)
                self._held -= len(gone)

    # ------------------------------------------------------------ tickets

    def ticket(self, account_id: str, evidence_id: str) -> tuple[str, datetime]:
        """A ticket for the clear evidence, and until when it counts."""
        until = self._now() + CLEAR_FOR
        stamp = str(int(until.timestamp()))
        return f"{stamp}.{self._sign(account_id, evidence_id, stamp)}", until

    def admits(self, ticket: str, account_id: str, evidence_id: str) -> bool:
        """Whether the ticket is this person's for this evidence, and still counts."""
        stamp, _, signature = ticket.partition(".")
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:  # noqa: PLR2004 - digits
            return False
        right = hmac.compare_digest(
            signature.encode(), self._sign(account_id, evidence_id, stamp).encode()
        )
        return right and int(stamp) >= self._now().timestamp()

    def _sign(self, account_id: str, evidence_id: str, stamp: str) -> str:
        text = f"{account_id}\n{evidence_id}\n{stamp}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
