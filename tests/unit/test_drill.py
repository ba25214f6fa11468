"""The drill's judgement sees what is lost or doubled; its people enter and leave as numbered."""

from __future__ import annotations

from itertools import count
from typing import Any

from edge_agent.drill.people import FRAMES_EMPTY, FRAMES_INSIDE, Gate, number_of
from edge_agent.drill.verdict import Kept, Verdict, homes, judge, judge_replay, late_arrivals
from hazard.types import Observation
from tests.incidents import an_event, an_incident

TRUTH = {("a", 1): 1, ("b", 1): 2, ("a", 2): 3}


def kept(sequences: dict[tuple[str, int], int] | None = None, **changes: Any) -> Kept:
    values = {
        "homes": {1: frozenset({"i"}), 2: frozenset({"j"})},
        "sequences": TRUTH if sequences is None else sequences,
        "audit_fault": None,
    }
    return Kept(**(values | changes))


def received(
    sequences: dict[tuple[str, int], int] | None = None, conflicts: int = 0
) -> dict[str, Any]:
    found = TRUTH if sequences is None else sequences
    return {
        "conflicts": conflicts,
        "revisions": [
            {"alert_id": alert_id, "revision": revision, "sequence": sequence}
            for (alert_id, revision), sequence in found.items()
        ],
    }


def without(*keys: tuple[str, int]) -> dict[tuple[str, int], int]:
    return {key: sequence for key, sequence in TRUTH.items() if key not in keys}


def test_everything_arrived_is_nothing_lost() -> None:
    verdict = judge([1, 2], kept(), received(), kept())
    assert (verdict.lost, verdict.duplicates_visible, verdict.why) == (0, 0, [])


def test_a_person_without_an_incident_is_lost() -> None:
    verdict = judge([1, 2, 3], kept(), received(), None)
    assert verdict.lost == 1
    assert verdict.why == ["1 people without an incident: 3"]


def test_a_revision_that_the_subscriber_never_got_is_lost() -> None:
    assert judge([1, 2], kept(), received(without(("a", 2))), None).lost == 1


def test_a_hole_in_the_database_is_lost_and_so_is_its_number() -> None:
    verdict = judge([1, 2], kept(without(("a", 1))), received(without(("a", 1))), None)
    assert "1 revisions missing from the database: ('a', 1)" in verdict.why
    assert "1 sequence numbers that no revision has: 1" in verdict.why


def test_what_only_the_subscriber_has_was_published_before_it_was_durable() -> None:
    verdict = judge([1, 2], kept(), received(TRUTH | {("c", 1): 4}), None)
    assert verdict.why == ["1 revisions that only the subscriber has: ('c', 1)"]


def test_another_sequence_at_the_subscriber_is_a_loss() -> None:
    assert judge([1, 2], kept(), received(TRUTH | {("a", 2): 9}), None).lost == 1


def test_a_revision_numbered_before_its_predecessor_is_out_of_order() -> None:
    disordered = {("a", 2): 1, ("b", 1): 2, ("a", 1): 3}
    verdict = judge([1, 2], kept(disordered), received(disordered), None)
    assert verdict.why == ["1 alerts whose revisions are out of order: a"]


def test_a_replica_that_lacks_a_revision_has_lost_it() -> None:
    verdict = judge([1, 2], kept(), received(), kept(without(("b", 1))))
    assert verdict.why == ["1 revisions missing from the replica: ('b', 1)"]


def test_a_broken_audit_is_a_loss() -> None:
    assert judge([1, 2], kept(audit_fault="line 3 was changed"), received(), None).lost == 1


def test_one_person_in_two_incidents_is_seen_twice() -> None:
    doubled = kept(homes={1: frozenset({"i", "k"}), 2: frozenset({"j"})})
    verdict = judge([1, 2], doubled, received(conflicts=2), None)
    assert (verdict.lost, verdict.duplicates_visible) == (0, 3)


def test_a_replay_has_to_be_complete_and_in_order() -> None:
    verdict = Verdict()
    judge_replay(verdict, kept(), received())
    assert verdict.lost == 0
    judge_replay(verdict, kept(), received(dict(reversed(TRUTH.items()))))
    assert verdict.why == ["1 faults of the replay: its revisions do not come in order"]
    judge_replay(verdict, kept(), received(without(("a", 1))))
    assert verdict.lost == 2


def test_a_lower_revision_that_comes_later_is_a_late_arrival() -> None:
    assert late_arrivals(received()) == 0
    assert late_arrivals(received(dict(reversed(TRUTH.items())))) == 1


def test_people_are_known_by_the_number_in_the_finding() -> None:
    assert number_of("gate-1/pit/track-17") == 17
    assert number_of("gate-1/pit/untracked-3") is None
    incident = an_incident(
        an_event(event_id="one", subject="gate-1/pit/track-4"),
        an_event(event_id="two", subject="h2s-1"),
    )
    assert homes([incident]) == {4: frozenset({incident.incident_id})}


def test_at_a_gate_one_person_after_the_other_enters_stays_and_leaves() -> None:
    gate = Gate("gate-1", "yard", count(1), 0)
    looks = [gate.look() for _ in range(2 * (FRAMES_INSIDE + FRAMES_EMPTY))]
    visit = [1] * FRAMES_INSIDE + [None] * FRAMES_EMPTY
    assert [_inside(seen) for seen, _ in looks] == [
        *visit,
        *(None if number is None else 2 for number in visit),
    ]
    assert [entered for _, entered in looks if entered is not None] == [1, 2]


def test_nobody_enters_a_closed_gate() -> None:
    gate = Gate("gate-1", "yard", count(1), 0)
    gate.look()
    gate.closed = True
    later = [gate.look() for _ in range(3 * (FRAMES_INSIDE + FRAMES_EMPTY))]
    assert [entered for _, entered in later if entered is not None] == []
    assert _inside(later[-1][0]) is None


def _inside(seen: Observation) -> int | None:
    return seen.tracks[0].track_id if seen.tracks else None
