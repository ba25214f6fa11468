"""What the core asks of the publisher when somebody asks the core for it."""

from __future__ import annotations

from typing import Protocol

from hazard.types import RequestOutcome


class PublisherPort(Protocol):
    """The verbs that the publisher carries out, after the core has checked role and area.

    None of them waits for a broker or the store: each says at once what is going to happen, and
    the core stores that as the request's outcome (state, text and values). A person who asked by
    MQTT is answered from the stored outcome.
    """

    def test_annunciator(self, area: str, seconds: float) -> RequestOutcome:
        """Show an area as critical, marked as a test, for so many seconds (at most 30).

        Refused where an alarm stands in that area. A real alarm ends the test at once.
        """
        ...

    def replay(
        self, request_id: str, from_sequence: int, to_sequence: int | None = None
    ) -> RequestOutcome:
        """Send stored revisions again, in order, after everything new.

        They go to the broker that the request came by. At most 1,000 at once: `values` name
        `from_sequence`, `to_sequence`, and `next_sequence` (null: that is all there is).
        """
        ...

    def snapshot(self, request_id: str) -> RequestOutcome:
        """Answer a request with the present state; refused for one that did not come by MQTT."""
        ...
