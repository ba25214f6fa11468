"""The baseline of counted words: learns what words tell, and only from other families."""

from __future__ import annotations

import random

import numpy as np
import pytest

from hazard.types import Severity
from models.exam import ridge
from models.exam.metrics import quadratic_kappa

WORDS = ("idle", "drip", "leak", "gas", "explosion")


def bank(count: int, filler: int = 5) -> tuple[list[str], list[Severity], list[str]]:
    chance = random.Random(5)
    labels = [Severity.from_rank(n % 5) for n in range(count)]
    texts = [
        " ".join([f"hall {n % 7}", WORDS[s.rank], *(str(chance.random()) for _ in range(filler))])
        for n, s in enumerate(labels)
    ]
    return texts, labels, [f"family-{n // 3}" for n in range(count)]


@pytest.mark.parametrize("count", [60, 400])
def test_words_that_tell_the_severity_are_learnt(count: int) -> None:
    texts, labels, families = bank(count)
    judged = ridge.judge(texts, labels, families)
    assert quadratic_kappa([s.rank for s in labels], [s.rank for s in judged]) > 0.8


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_either_of_the_two_systems_solves_the_ridge_equation(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(7).normal(size=shape)
    values = np.arange(shape[0], dtype=np.float64)
    weights = ridge._solve(rows, values)
    left = rows.T @ (rows @ weights) + ridge.PENALTY * weights
    assert left == pytest.approx(rows.T @ values)


def test_what_only_ones_own_family_tells_is_not_used() -> None:
    labels = [Severity.INFO, Severity.CRITICAL] * 50
    families = [f"family-{n}" for n in range(50) for _ in range(2)]
    families = [f"{f}-{label}" for f, label in zip(families, labels, strict=True)]
    texts = [f"word{family.replace('-', '')}" for family in families]
    judged = ridge.judge(texts, labels, families)
    assert set(judged) == {Severity.MEDIUM}


def test_one_family_alone_is_judged_medium() -> None:
    assert ridge.judge(["gas"], [Severity.CRITICAL], ["only"]) == [Severity.MEDIUM]
