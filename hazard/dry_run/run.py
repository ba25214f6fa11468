"""Runs two site files over the same stored time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from hazard.catalogue import HazardKind
from hazard.dry_run.compare import match, rerated, tally
from hazard.dry_run.refit import Refit
from hazard.dry_run.result import MAX_GAPS, Coverage, DryRun, Span
from hazard.dry_run.side import Side
from hazard.ports import Tick
from hazard.sensing import QUIET_EVERY
from hazard.site.models import Site
from hazard.types import Observation, Reading

STEP = timedelta(seconds=1)
"""Between two ticks of the rules."""
GAP = timedelta(seconds=60)
"""A longer time without any data is a gap: the agent was off, or nothing was kept."""
_QUIET_HOLDS = QUIET_EVERY + timedelta(seconds=1)
_HOUR_S = 3600.0

Input = Observation | Reading
Tell = Callable[[float, str], None]


def dry_run(
    old: Site,
    new: Site,
    observations: Iterable[Observation],
    readings: Iterable[Reading],
    *,
    span: Span,
    kinds: dict[str, HazardKind],
    tell: Tell,
) -> DryRun:
    """What `new` would have raised, and no longer raised, where `old` is in force.

    Args:
        old: the site file as it is.
        new: the site file as it would be.
        observations: of the time, in the order of capture.
        readings: of the time, in the order of measurement.
        span: the time that is asked about.
        kinds: the catalogue.
        tell: hears how far it is, 0 to 1, and words; what it raises ends the run.

    Raises:
        TooMany: (a HazardError) if a side would have raised more than can be compared.
        ConfigError: if a rule has no implementation.
    """
    zero = span.from_at
    sides = tuple(Side(site, Refit(site, old, zero), kinds) for site in (old, new))
    coverage = _Coverage(span, (old, new))
    clock = _Clock(sides, zero)
    streams: tuple[Iterable[Input], ...] = (observations, readings)
    for item in heapq.merge(*streams, key=_time):
        at = _time(item)
        if gap := coverage.take(item, at):
            for side in sides:
                side.forget(gap.from_at)
            clock.skip_to(at)
        clock.run_to(at)
        for side in sides:
            side.take(item)
        clock.saw(item)
        done = (at - span.from_at) / max(span.to_at - span.from_at, STEP)
        tell(min(done, 1.0) * 0.98, f"at {at:%Y-%m-%d %H:%M} UTC")
    clock.run_to(coverage.last or span.from_at)
    for side in sides:
        side.forget(None)
    return _result(old, new, sides, coverage)


def _time(item: Input) -> datetime:
    return item.captured_at if isinstance(item, Observation) else item.measured_at


class _Clock:
    """Lets time pass between inputs, and fills in what was left out since nothing was to be seen.

    Of a camera that sees nobody one observation in five seconds is stored: until the next one it
    has seen nobody.
    """

    def __init__(self, sides: tuple[Side, ...], zero: datetime) -> None:
        self._sides, self._zero, self._next = sides, zero, zero
        self._quiet: dict[str, Observation] = {}

    def skip_to(self, at: datetime) -> None:
        """No time passes up to then: there is no data of it."""
        self._next = at
        self._quiet.clear()

    def saw(self, item: Input) -> None:
        """Remember that a camera sees nobody."""
        if isinstance(item, Observation):
            self._quiet.pop(item.camera_id, None)
            if not item.tracks:
                self._quiet[item.camera_id] = item

    def run_to(self, at: datetime) -> None:
        """Tick up to then."""
        while self._next < at:
            now = self._next
            for camera_id, seen in list(self._quiet.items()):
                if now - seen.captured_at > _QUIET_HOLDS:
                    del self._quiet[camera_id]
                elif now > seen.captured_at:
                    again = seen.model_copy(update={"captured_at": now})
                    for side in self._sides:
                        side.take(again)
            tick = Tick(now, (now - self._zero).total_seconds())
            for side in self._sides:
                side.tick(tick)
            self._next = now + STEP


class _Coverage:
    """Counts of which hours there is data."""

    def __init__(self, span: Span, sites: tuple[Site, Site]) -> None:
        self._span = span
        names = {name for site in sites for name in (*site.cameras, *site.sensors)}
        self._seen_s = dict.fromkeys(sorted(names), 0.0)
        self._last_of: dict[str, datetime] = {}
        self._gaps: list[Span] = []
        self._number, self._missing = 0, timedelta(0)
        self.last: datetime | None = None

    def take(self, item: Input, at: datetime) -> Span | None:
        """Note an input; the time without data that it ends, if there was one."""
        name = item.camera_id if isinstance(item, Observation) else item.sensor_id
        before = self._last_of.get(name)
        if before is not None and name in self._seen_s and at - before <= GAP:
            self._seen_s[name] += (at - before).total_seconds()
        self._last_of[name] = at
        since = self.last if self.last is not None else self._span.from_at
        self.last = at
        return self._gap(since, at)

    def _gap(self, since: datetime, until: datetime) -> Span | None:
        if until - since <= GAP:
            return None
        gap = Span(from_at=since, to_at=until)
        self._missing += until - since
        self._number += 1
        self._gaps.append(gap)
        if len(self._gaps) > 4 * MAX_GAPS:
            self._longest()
        return gap

    def _longest(self) -> None:
        self._gaps = sorted(self._gaps, key=lambda gap: gap.from_at - gap.to_at)[:MAX_GAPS]

    def result(self) -> Coverage:
        """The coverage at the end of the run."""
        self._gap(self.last or self._span.from_at, self._span.to_at)
        self._longest()
        whole = self._span.to_at - self._span.from_at - self._missing
        return Coverage(
            asked=self._span,
            covered_h=round(max(0.0, whole.total_seconds()) / _HOUR_S, 3),
            sources={name: round(s / _HOUR_S, 3) for name, s in self._seen_s.items()},
            gaps=tuple(sorted(self._gaps, key=lambda gap: gap.from_at)),
            gaps_left_out=self._number - len(self._gaps),
        )


def _result(old: Site, new: Site, sides: tuple[Side, ...], coverage: _Coverage) -> DryRun:
    before, after = sides
    window = timedelta(seconds=max(old.policy.incident_window_s, new.policy.incident_window_s))
    matched = match(before.found, after.found, window)
    other = rerated(matched.both)
    covered = coverage.result()
    return DryRun(
        coverage=covered,
        raised=tally(matched.added),
        no_longer=tally(matched.gone),
        rerated=other,
        unchanged=len(matched.both) - other.total,
        not_tried=tuple(_not_tried(old, new, after, covered)),
    )


def _not_tried(old: Site, new: Site, after: Side, covered: Coverage) -> Iterator[str]:
    for rule_id in after.left_out:
        yield f"rules.{rule_id}: finds silence, and what was silent is not stored"
    for name, hours in covered.sources.items():
        if not hours and (name in new.cameras or name in new.sensors):
            yield f"{name}: nothing of it is stored for this time"
    for name, camera in new.cameras.items():
        known = old.cameras.get(name)
        if known is None:
            continue
        for field in ("source", "detectors", "fps_budget"):
            if getattr(camera, field) != getattr(known, field):
                yield f"cameras.{name}.{field}: what it would have seen is not known"
        if camera.min_confidence < known.min_confidence:
            yield (
                f"cameras.{name}.min_confidence: what was below {known.min_confidence:g} is not "
                "stored"
            )
    if old.alarms != new.alarms:
        yield "alarms: only what is raised is tried, not who is told of it, or when it is kept back"
