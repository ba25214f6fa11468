"""One question to the backend: a single request, or the decisions of one area that wait."""

from __future__ import annotations

from edge_agent.ipc import DecideRequest, WriteRequest
from edge_agent.reasoner.queue import Request
from hazard.ports import Reasoner
from hazard.triage.together import distinct, shared, together

Batch = tuple[Request, ...]
"""At least one request; the first has the earliest deadline. Several are all decisions."""


def ask(reasoner: Reasoner, batch: Batch) -> object:
    """Ask the backend, by the deadline of the first; blocks.

    Requests about one incident are asked as it is. Those about several incidents are asked about
    the joint one; the opinion says so and may only raise.

    Raises:
        Interrupted: if words gave way to a decision.
        ReasonerError: if there is no usable answer; a backend may raise anything else too.
    """
    first = batch[0]
    if isinstance(first, WriteRequest):
        return reasoner.write(
            first.incident, first.severity, first.languages, first.deadline_monotonic_s
        )
    asked = distinct(
        (each.incident, each.verdict) for each in batch if isinstance(each, DecideRequest)
    )
    if len(asked) == 1:
        return reasoner.decide(*asked[0], first.deadline_monotonic_s)
    joint, verdict = together(asked)
    opinion = reasoner.decide(joint, verdict, first.deadline_monotonic_s)
    return shared(opinion, joint, [incident for incident, _ in asked])
