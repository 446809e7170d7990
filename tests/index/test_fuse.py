"""Fusion: a pure function of two lists of figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.index.fuse import fuse

FIGURES = st.dictionaries(st.integers(0, 30), st.floats(-1, 1), max_size=20)
SCORES = st.dictionaries(st.integers(0, 30), st.floats(0, 40), max_size=20)


def order(*args: object, **more: object) -> list[str]:
    return [fused.key for fused in fuse(*args, **more)]  # type: ignore[arg-type]


def test_both_halves_agree_or_the_sum_decides() -> None:
    assert order({"a": 0.9, "b": 0.8, "c": 0.7}, {"a": 9.0, "b": 1.0}) == ["a", "b", "c"]
    # b is second in meaning and far ahead in words
    assert order({"a": 0.86, "b": 0.85, "c": 0.80}, {"b": 14.0, "c": 1.0}) == ["b", "a", "c"]


def test_one_half_alone_keeps_its_order() -> None:
    assert order({}, {"a": 1.0, "b": 3.0, "c": 2.0}) == ["b", "c", "a"]
    assert order({"a": 0.1, "b": 0.3, "c": 0.2}, {}) == ["b", "c", "a"]


def test_an_exact_code_comes_first_in_the_order_of_naming() -> None:
    found = fuse({"a": 0.9, "b": 0.2}, {"a": 9.0, "c": 0.1, "d": 0.1}, ["d", "b"])
    assert [f.key for f in found] == ["d", "b", "a", "c"]
    assert [f.exact for f in found] == [True, True, False, False]
    assert [f.score for f in found[:2]] == [1.0, 1.0]


def test_nothing_gives_nothing() -> None:
    assert fuse({}, {}) == []


def test_equal_figures_are_no_division_by_zero() -> None:
    assert [f.score for f in fuse({"a": 0.5, "b": 0.5}, {"a": 2.0, "b": 2.0})] == [0.5, 0.5]


@given(FIGURES, SCORES, st.lists(st.integers(0, 30), unique=True, max_size=3))
def test_every_candidate_once_and_scores_fall(
    cosines: dict[int, float], bm25: dict[int, float], exact: list[int]
) -> None:
    found = fuse(cosines, bm25, exact)
    assert {f.key for f in found} == set(cosines) | set(bm25) | set(exact)
    assert len(found) == len({f.key for f in found})
    assert [f.key for f in found[: len(exact)]] == exact
    rest = [f.score for f in found[len(exact) :]]
    assert rest == sorted(rest, reverse=True)
    assert all(0 <= score <= 1 for score in rest)


@given(FIGURES.filter(lambda d: len(d) > 1), st.floats(0.1, 5), st.floats(-3, 3))
def test_the_scale_of_an_embedder_does_not_matter(cosines: dict[int, float], scale: float, shift: float) -> None:
    values = sorted(cosines.values())
    if any(0 < b - a < 1e-6 for a, b in zip(values, values[1:], strict=False)):
        return
    words = dict.fromkeys(cosines, 1.0)
    moved = {key: scale * value + shift for key, value in cosines.items()}
    assert [f.key for f in fuse(cosines, words)] == [f.key for f in fuse(moved, words)]
    for one, other in zip(fuse(cosines, words), fuse(moved, words), strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-3)
