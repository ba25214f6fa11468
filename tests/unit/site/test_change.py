"""A merge patch of the site file: right on the data, and gentle to the text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.errors import ConfigError
from hazard.site.change import compare, differences, patched, propose
from hazard.site.loader import load_data
from hazard.site.problems import SiteFileError
from hazard.site.yaml_edit import merge_patch
from tests.unit.site.sites import GOOD

FILE = Path("site.yaml")

# ---------------------------------------------------------------- RFC 7396

RFC_EXAMPLES = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_EXAMPLES)
def test_the_examples_of_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


# ---------------------------------------------------------------- any data, any patch

WORDS = st.sampled_from(["gate", "hall-1", "yes", "on", "06:00", "0x1f", "1_0", "a: b", "# no"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    WORDS,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
KEYS = st.one_of(st.sampled_from("abcdef"), WORDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
FILES = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)


class Writer:
    """Writes data in one of the ways in which people write YAML, with a comment at each place."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw
        self.comments = 0

    def comment(self) -> str:
        self.comments += 1
        return f"# note {self.comments}."

    def text(self, data: dict[str, Any]) -> str:
        return "\n".join(self.mapping(data, 0)) + "\n"

    def mapping(self, data: dict[str, Any], indent: int) -> list[str]:
        lines = []
        for key, value in data.items():
            lines.append(" " * indent + self.comment())
            lines += self.value(f"{' ' * indent}{json.dumps(key)}:", value, indent)
        return lines

    def value(self, start: str, value: Any, indent: int) -> list[str]:
        step = self._draw(st.sampled_from([2, 4]))
        if isinstance(value, dict) and value and self._draw(st.booleans()):
            return [f"{start}  {self.comment()}", *self.mapping(value, indent + step)]
        if isinstance(value, list) and value and self._draw(st.booleans()):
            offset = indent + self._draw(st.sampled_from([0, 2]))
            lines = [start]
            for one in value:
                lines += [
                    " " * offset + self.comment(),
                    f"{' ' * offset}- {json_yaml(one)}  {self.comment()}",
                ]
            return lines
        return [f"{start} {json_yaml(value)}  {self.comment()}"]


def json_yaml(value: Any) -> str:
    escaped = json.dumps(value, ensure_ascii=False)
    return "".join(
        f"\\u{ord(c):04x}" if "\x7f" <= c <= "\x9f" or c in "\u2028\u2029\ufeff" else c
        for c in escaped
    )


def touched(before: Any, after: Any) -> bool:
    return json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True)


@settings(max_examples=300, deadline=None)
@given(st.data(), FILES, st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_patch_of_the_text_is_the_patch_of_the_data_and_keeps_what_it_does_not_touch(
    data: st.DataObject, before: dict[str, Any], patch: dict[str, Any]
) -> None:
    text = Writer(data.draw).text(before)
    assert load_data(text, FILE) == before
    wanted: Any = merge_patch(before, patch)
    if not wanted:
        return
    after = patched(text, patch, FILE)
    assert json.dumps(load_data(after, FILE)) == json.dumps(wanted)
    for key, section in sections(text, before).items():
        if key in wanted and not touched(before[key], wanted[key]):
            assert section in after


def sections(text: str, data: dict[str, Any]) -> dict[str, str]:
    """The lines of each top-level key, with the comment above it."""
    lines = text.split("\n")
    starts = [
        at - 1
        for at, line in enumerate(lines)
        if line.startswith('"') and lines[at - 1].startswith("# note")
    ]
    ends = [*starts[1:], len(lines)]
    found = ["\n".join(lines[a:b]).rstrip() for a, b in zip(starts, ends, strict=True)]
    return dict(zip(data, found, strict=True))


# ---------------------------------------------------------------- a site file

COMMENTED = """\
# The plant by the river.
version: 1
site: {id: plant, name: "Plant"}   # one line

areas:
  # where lorries wait
  yard:
    name: 'Yard'        # quotes stay

cameras:
  gate:
    area: yard
    source: {kind: usb, device: 0}
    zones:
      pit:
        # drawn by Ada
        polygon:
          - [0.10, 0.10]      # the post
          - [0.90, 0.10]
          # the corner that moved
          - [0.90, 0.90]
rules:
  pit: {kind: restricted_zone, camera: gate, zone: pit}   # nobody
  # not yet
  #eyes: {kind: camera_health}
mqtt: {embedded: true}
# the end
"""


def test_only_the_lines_that_change_are_written_anew() -> None:
    patch: dict[str, Any] = {
        "cameras": {
            "gate": {
                "zones": {"pit": {"polygon": [[0.1, 0.1], [0.95, 0.1], [0.9, 0.9], [0.2, 0.8]]}}
            }
        },
        "rules": {"pit": {"dwell_s": 3}, "eyes": {"kind": "camera_health"}},
    }
    proposal = propose(COMMENTED, patch, FILE)
    changed = [line for line in proposal.unified().splitlines()[2:] if line.startswith(("+", "-"))]
    assert changed == [
        "-          - [0.90, 0.10]",
        "+          - [0.95, 0.1]",
        "+          - [0.2, 0.8]",
        "-  pit: {kind: restricted_zone, camera: gate, zone: pit}   # nobody",
        "+  pit:",
        "+    kind: restricted_zone",
        "+    camera: gate",
        "+    zone: pit",
        "+    dwell_s: 3   # nobody",
        "+  eyes:",
        "+    kind: camera_health",
    ]
    assert proposal.summary == (
        "cameras.gate.zones.pit.polygon changed; rules.pit.dwell_s added: 3; rules.eyes added"
    )
    assert proposal.site.cameras["gate"].zones["pit"].polygon[3] == (0.2, 0.8)


def test_what_the_models_refuse_is_told_with_field_value_and_mend() -> None:
    with pytest.raises(SiteFileError) as caught:
        propose(COMMENTED, {"rules": {"pit": {"zone": "nowhere", "dwell_s": -1}}}, FILE)
    told = {problem.path: problem for problem in caught.value.problems}
    assert set(told) == {"rules.pit.dwell_s", "rules.pit.zone"}
    assert told["rules.pit.dwell_s"].value == "-1"
    assert "pit" in told["rules.pit.zone"].mend
    assert all(problem.mend for problem in told.values())


def test_a_secret_is_refused_in_a_patch_as_it_is_in_the_file() -> None:
    brokers: Any = {"scada": {"host": "scada", "username": "edge", "password": "hunter2"}}
    with pytest.raises(SiteFileError) as caught:
        propose(COMMENTED, {"mqtt": {"brokers": brokers}}, FILE)
    assert "never stands in the file" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_passwords_in_comments_are_not_shown_in_the_diff() -> None:
    text = COMMENTED.replace("# one line", "# rtsp://ada:hunter2@192.0.2.1/")
    shown = propose(text, {"site": {"name": "Mill"}}, FILE).unified()
    assert "Mill" in shown
    assert "hunter2" not in shown


def test_anchors_outside_what_changes_stay() -> None:
    text = COMMENTED.replace(
        "source: {kind: usb, device: 0}", "source: &usb {kind: usb, device: 0}"
    )
    text = text.replace("rules:\n", "  dock: {area: yard, source: *usb}\nrules:\n", 1)
    after = patched(text, {"rules": {"pit": {"dwell_s": 3}}}, FILE)
    assert "source: *usb" in after
    changed = patched(text, {"cameras": {"dock": {"source": {"device": 1}}}}, FILE)
    assert load_data(changed, FILE)["cameras"]["gate"]["source"]["device"] == 0
    assert load_data(changed, FILE)["cameras"]["dock"]["source"]["device"] == 1


def test_an_anchor_that_would_lose_its_place_is_refused_with_the_mend() -> None:
    text = COMMENTED.replace(
        "source: {kind: usb, device: 0}", "source: &usb {kind: usb, device: 0}"
    )
    text = text.replace("rules:\n", "  dock: {area: yard, source: *usb}\nrules:\n", 1)
    with pytest.raises(ConfigError, match=r"uses anchors .* by hand"):
        patched(text, {"cameras": {"gate": None}}, FILE)


def test_json_stays_json_and_line_ends_stay_theirs() -> None:
    text = json.dumps(load_data(COMMENTED, FILE))
    assert json.loads(patched(text, {"site": {"name": "Mill"}}, FILE))["site"]["name"] == "Mill"
    windows = COMMENTED.replace("\n", "\r\n")
    after = patched(windows, {"areas": {"hall": {"name": "Hall"}}}, FILE)
    assert after.count("\n") == after.count("\r\n")


def test_a_file_that_ends_without_a_line_end_takes_a_new_section() -> None:
    text = GOOD.rstrip("\n")
    after = patched(text, {"privacy": {"blur_people": False}}, FILE)
    assert after == text + "\nprivacy:\n  blur_people: false\n"


def test_differences_name_each_value_and_bound_what_they_show() -> None:
    found = differences({"a": {"b": 1, "c": 2}}, {"a": {"b": "x" * 500, "d": True}})
    assert [str(each) for each in found] == [
        f'a.b: 1 → "{"x" * 59}…"',
        "a.c removed",
        "a.d added: true",
    ]


def test_a_change_of_comments_alone_is_told_as_such() -> None:
    assert compare(COMMENTED, COMMENTED + "# and more\n", FILE).summary == (
        "comments or spelling only"
    )
