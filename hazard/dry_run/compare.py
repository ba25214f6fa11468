"""Which incidents of two site files are the same one: kind, area, and time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hazard.dry_run.result import MAX_EXAMPLES, Pair, Rerated, Tally, WouldBe

_STILL = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Matched:
    """What only one side raised, and what both did."""

    added: tuple[WouldBe, ...]
    gone: tuple[WouldBe, ...]
    both: tuple[Pair, ...]


def match(before: Iterable[WouldBe], after: Iterable[WouldBe], window: timedelta) -> Matched:
    """Pair incidents of one kind and area whose times meet within the window, each once."""
    old, new = _grouped(before), _grouped(after)
    added: list[WouldBe] = []
    gone: list[WouldBe] = []
    both: list[Pair] = []
    for place in sorted(old.keys() | new.keys()):
        waiting, at = old.get(place, []), 0
        taken: set[int] = set()
        for one in new.get(place, []):
            while at < len(waiting) and (
                at in taken or _end(waiting[at]) < one.started_at - window
            ):
                at += 1
            partner = _partner(waiting, at, taken, one, window)
            if partner is None:
                added.append(one)
            else:
                taken.add(partner)
                both.append(Pair(before=waiting[partner], after=one))
        gone += [each for number, each in enumerate(waiting) if number not in taken]
    return Matched(tuple(added), tuple(gone), tuple(both))


def tally(found: Sequence[WouldBe]) -> Tally:
    """Counts of all, and the worst as examples."""
    worst = sorted(found, key=lambda each: (-each.default.rank, -each.started_at.timestamp()))
    return Tally(
        total=len(found),
        kinds=dict(sorted(Counter(each.hazard for each in found).items())),
        examples=tuple(worst[:MAX_EXAMPLES]),
    )


def rerated(pairs: Sequence[Pair]) -> Rerated:
    """The pairs that the two site files rate differently."""
    other = [pair for pair in pairs if _rating(pair.before) != _rating(pair.after)]
    other.sort(key=lambda pair: (-pair.after.default.rank, -pair.after.started_at.timestamp()))
    return Rerated(
        total=len(other),
        kinds=dict(sorted(Counter(pair.after.hazard for pair in other).items())),
        examples=tuple(other[:MAX_EXAMPLES]),
    )


def _grouped(found: Iterable[WouldBe]) -> dict[tuple[str, str], list[WouldBe]]:
    groups: dict[tuple[str, str], list[WouldBe]] = defaultdict(list)
    for each in found:
        groups[each.area, each.hazard].append(each)
    for group in groups.values():
        group.sort(key=lambda each: (each.started_at, _end(each)))
    return groups


def _partner(
    waiting: list[WouldBe], first: int, taken: set[int], one: WouldBe, window: timedelta
) -> int | None:
    """The incident that starts nearest to `one` among those that it meets and nobody has taken."""
    nearest: int | None = None
    for number in range(first, len(waiting)):
        other = waiting[number]
        if other.started_at - window > _end(one):
            break
        if number in taken or _end(other) < one.started_at - window:
            continue
        if nearest is None or _apart(other, one) < _apart(waiting[nearest], one):
            nearest = number
    return nearest


def _apart(one: WouldBe, other: WouldBe) -> timedelta:
    return abs(one.started_at - other.started_at)


def _end(found: WouldBe) -> datetime:
    return found.ended_at or _STILL


def _rating(found: WouldBe) -> tuple[int, int]:
    return found.floor.rank, found.default.rank
