"""One thread per channel: sends what is due, again and again until it is taken."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.notify.channels import Channel, NotSentError, open_channel
from edge_agent.notify.pacing import next_attempt, parcels
from edge_agent.notify.texts import Attached, text_of, together
from hazard.errors import HazardError
from hazard.site.models import Site
from hazard.site.notify import ChannelConfig
from hazard.store.notices import DueNotice, Notices
from hazard.store.reports import read_file
from hazard.types import ReportNote

BATCH = 200
ROUND_S = 0.5
"""The queue is looked at this often."""
LOOK_AGAIN_S = 5.0
"""A round goes no further after so long: a critical alarm waits for one message, not for all."""
HOUR = timedelta(hours=1)
FAILURES_SHOWN = timedelta(hours=24)
"""So long a notice that was given up keeps its channel degraded."""
HUNG_AFTER = timedelta(seconds=90)
"""A service that neither answers nor fails for so long is told in the health."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Why a channel is not well (empty: it is), and its figures."""

    reason: str
    figures: dict[str, JsonValue]


class Sender:
    """Sends the notices of one channel: `start`, `stop`, `state`.

    A slow or dead channel holds up nobody else: each has its own thread. What was sent is written
    down before the next is sent; a process that dies between the two sends it once more.

    Args:
        reports: folder of the reports' files.
    """

    def __init__(
        self,
        name: str,
        config: ChannelConfig,
        notices: Notices,
        site: Callable[[], Site],
        *,
        reports: Path,
        channel: Channel | None = None,
    ) -> None:
        self.name, self.config = name, config
        self._channel = channel or open_channel(name, config)
        self._notices, self._site, self._reports = notices, site, reports
        self.sent = 0
        self._stopping = threading.Event()
        self._busy_since: datetime | None = None
        self._fault = ""
        self._unwritten: list[tuple[list[str], datetime]] = []
        self._jitter = random.Random()  # noqa: S311 - spreads retries, guards no secret
        self._thread = threading.Thread(target=self._run, name=f"notify-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the message that is under way; what waits stays in the queue."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def state(self, now: datetime) -> ChannelState:
        """How the channel is: not well while something cannot be sent, or was given up."""
        try:
            tally = self._notices.tally(self.name, now - FAILURES_SHOWN)
        except SQLAlchemyError as error:
            return ChannelState(f"the queue cannot be read: {error}"[:300], {})
        reasons = []
        if tally.failed:
            reasons.append(f"{tally.failed} notices were given up in the last 24 h")
        if tally.error:
            reasons.append(f"{tally.pending} wait: {tally.error}")
        if self._busy_since is not None and now - self._busy_since > HUNG_AFTER:
            reasons.append(f"the service has not answered since {self._busy_since:%H:%M:%S} UTC")
        if self._fault:
            reasons.append(self._fault)
        age_s = (now - tally.oldest_at).total_seconds() if tally.oldest_at else 0.0
        figures: dict[str, JsonValue] = {
            "sent": self.sent,
            "pending": tally.pending,
            "failed": tally.failed,
            "oldest_s": round(max(0.0, age_s), 1),
        }
        return ChannelState("; ".join(reasons), figures)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.round(datetime.now(UTC))
                self._fault = ""
            except (HazardError, SQLAlchemyError) as error:
                self._fault = f"{error}"[:300]
                log.warning("notify.round_failed", channel=self.name, error=self._fault)
            except Exception as error:
                self._fault = f"a fault of the program: {type(error).__name__}: {error}"[:300]
                log.exception("notify.failed", channel=self.name)
            self._stopping.wait(ROUND_S)

    def round(self, now: datetime) -> None:
        """Send what is due now; of a slow service as much as `LOOK_AGAIN_S` allows.

        What is left is due in the next round, behind what is critical and has come meanwhile.

        Raises:
            StoreError: if the queue cannot be written; what was sent is remembered and not sent
                again while this process lives.
        """
        while self._unwritten:
            self._notices.sent(*self._unwritten[0])
            self._unwritten.pop(0)
        dues = self._notices.due(self.name, now, BATCH)
        if not dues:
            return
        began_s = time.monotonic()
        left = self.config.max_per_hour - self._notices.sent_since(self.name, now - HOUR)
        for parcel in parcels(dues, left=left):
            if self._stopping.is_set():
                return
            self._send(parcel)
            if time.monotonic() - began_s > LOOK_AGAIN_S:
                return

    def _send(self, parcel: Sequence[DueNotice]) -> None:
        site, language = self._site(), self.config.language
        text = (
            text_of(parcel[0], language, site)
            if len(parcel) == 1
            else together(parcel, language, site)
        )
        ids = [due.notice.notice_id for due in parcel]
        at = self._busy_since = datetime.now(UTC)
        try:
            report = parcel[0].notice.report
            if report is not None:
                text = replace(text, attached=self._attached(report, site))
            self._channel.send(text, parcel, at)
        except (NotSentError, HazardError) as error:
            self._not_sent(parcel, str(error))
            return
        finally:
            self._busy_since = None
        self.sent += 1
        log.info("notify.sent", channel=self.name, notices=len(ids), alert_ids=_alerts(parcel))
        self._unwritten.append((ids, datetime.now(UTC)))
        self._notices.sent(*self._unwritten[-1])
        self._unwritten.pop()

    def _attached(self, report: ReportNote, site: Site) -> Attached:
        """The report's file, which is looked at before it is sent.

        Raises:
            StoreError: if it is gone, or is not what was written.
        """
        read_file(self._reports, report.sha256)
        name = f"{site.site.id}-{report.monday}-{report.language}.pdf"
        return Attached(self._reports / f"{report.sha256}.pdf", name, "application/pdf")

    def _not_sent(self, parcel: Sequence[DueNotice], error: str) -> None:
        now = datetime.now(UTC)
        give_up = timedelta(hours=self.config.give_up_after_h)
        for due in parcel:
            again = next_attempt(due, now, give_up_after=give_up, jitter=self._jitter)
            self._notices.not_sent([due.notice.notice_id], error, next_attempt_at=again)
            level = log.warning if again else log.error
            level(
                "notify.not_sent" if again else "notify.given_up",
                channel=self.name,
                alert_id=due.notice.alert_id,
                attempts=due.attempts + 1,
                error=error,
            )


def _alerts(parcel: Sequence[DueNotice]) -> list[str]:
    return sorted({due.notice.alert_id for due in parcel if due.notice.alert_id})[:20]
