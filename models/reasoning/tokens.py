"""Small things that all engines share: which token a label is, and how many threads to use."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from hazard.errors import ReasonerError


def first_tokens(
    tokens: Callable[[str], Sequence[int]], before: str, labels: Sequence[str]
) -> tuple[int, ...]:
    """The token by which each label begins, after the text `before`; all labels' must differ.

    Raises:
        ReasonerError: if two labels begin by the same token, or a label melts into what is before.
    """
    stem = list(tokens(before))
    found: dict[str, int] = {}
    for label in labels:
        whole = list(tokens(f"{before} {label}"))
        if whole[: len(stem)] != stem or len(whole) == len(stem):
            raise ReasonerError(f"the label {label!r} does not begin with a token of its own")
        found[label] = whole[len(stem)]
    if len(set(found.values())) < len(labels):
        raise ReasonerError(f"two of the labels {', '.join(labels)} begin with the same token")
    return tuple(found.values())


def usable_threads(wanted: int) -> int:
    """The threads to use: one core is left to the cameras.

    Two busy processes with two threads each on two cores wait for one another: a decision took
    3.8 s there, and 0.8 s with one thread.
    """
    return max(1, min(wanted, len(os.sched_getaffinity(0)) - 1))
