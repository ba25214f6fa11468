"""Whatever is done to a site file, it is either right or refused with places inside it."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from hazard.site.loader import check_site, load_site
from hazard.site.problems import Problem, SiteFileError
from tests.unit.site.sites import GOOD

HIDDEN_WORD = "hunter2-must-not-be-shown"
PARSED: dict[str, Any] = YAML(typ="safe", pure=True).load(GOOD)

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "~", "yes", "0x1f", "1e999", "${NOT_SET}", "a" * 300, "\x00", "../.."]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def nodes(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        below = (*path, key)
        found.extend(nodes(value, below) if isinstance(value, dict | list) else [below])
    return found


PATHS = nodes(PARSED)


def mutate(data: Any, path: tuple[Any, ...], how: str, junk: Any, name: str) -> None:
    for key in path[:-1]:
        data = data[key]
    if how == "drop":
        del data[path[-1]]
    elif how == "rename" and isinstance(data, dict):
        data[name] = data.pop(path[-1])
    else:
        data[path[-1]] = junk


def check_problems(path: Path, problems: list[Problem] | tuple[Problem, ...]) -> None:
    assert problems
    text = path.read_bytes().decode("utf-8", "replace")
    lines = len(re.findall("\r\n|[\r\n\x85\u2028\u2029]", text)) + 1  # YAML's line breaks
    for problem in problems:
        assert 0 <= problem.line <= lines
        assert problem.what
        assert problem.mend
        assert "\n" not in str(problem)
        assert HIDDEN_WORD not in str(problem)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    where=st.sampled_from(PATHS),
    how=st.sampled_from(["drop", "rename", "replace"]),
    junk=JUNK,
    name=st.text(max_size=12),
)
@example(where=("mqtt", "brokers", "plant", "password"), how="replace", junk=HIDDEN_WORD, name="")
@example(
    where=("mqtt", "brokers", "plant", "password"), how="replace", junk={HIDDEN_WORD: 1}, name=""
)
@example(
    where=("mqtt", "brokers", "plant", "host"),
    how="replace",
    junk=f"a://b:{HIDDEN_WORD}@c",
    name="",
)
@example(where=("site",), how="replace", junk=[1], name="")
def test_a_changed_node_gives_a_site_or_problems_with_lines(
    tmp_path: Path, where: tuple[Any, ...], how: str, junk: Any, name: str
) -> None:
    data = copy.deepcopy(PARSED)
    mutate(data, where, how, junk, name)
    path = tmp_path / "site.yaml"
    # JSON with line breaks is YAML, so that every node has a line of its own.
    path.write_text(json.dumps(data, indent=1, ensure_ascii=True).replace("NaN", ".nan"))
    try:
        load_site(path)
    except SiteFileError as refused:
        check_problems(path, refused.problems)
    if found := check_site(path):
        check_problems(path, found)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.integers(0, len(GOOD) - 1), length=st.integers(0, 6), junk=st.text(max_size=6))
def test_a_changed_text_gives_a_site_or_problems_with_lines(
    tmp_path: Path, at: int, length: int, junk: str
) -> None:
    path = tmp_path / "site.yaml"
    text = GOOD[:at] + junk + GOOD[at + length :]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_site(path)
    except SiteFileError as refused:
        check_problems(path, refused.problems)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200))
@example(b"%YAML 9.9\n---\na: 1\n")
@example(b"? ? ? a\n")
@example(b"&a [*a]\n")
@example(b"a: &a\n  <<: *a\n")
@example(b"[" * 5000)
@example(b"a: " * 300)
@example(b"- " * 3000)
def test_any_bytes_give_problems_and_nothing_else(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(raw)
    with pytest.raises(SiteFileError) as refused:
        load_site(path)
    check_problems(path, refused.value.problems)
