"""One ranking from two: cosines and BM25 as z-scores over the same candidates, weighted.

The candidates are the first 40 of each half, and every candidate carries both figures: the cosine of a lexical hit and
the BM25 of a vector hit are computed, never guessed from a missing rank. On `piaf-dev.json` this beats reciprocal ranks
and z-scores over each half alone (see ``bench/retrieval.py``).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

VECTOR_WEIGHT = 0.6


@dataclass(frozen=True, slots=True)
class Fused(Generic[K]):
    """A candidate with its place in the common ranking; ``score`` is 0..1 and 1 only for an exact code."""

    key: K
    score: float
    exact: bool


def fuse(
    cosines: Mapping[K, float],
    bm25: Mapping[K, float],
    exact: Sequence[K] = (),
    weight: float = VECTOR_WEIGHT,
) -> list[Fused[K]]:
    """Every candidate, best first. *exact* (records whose code was named) come before all others, in their order.

    A key without BM25 shares no word with the question: 0. Without *cosines* at all (the vector half failed) BM25
    decides alone; an entry whose vector is not stored yet is as near as its words say. *weight* is the share of the
    cosines.
    """
    keys = list(dict.fromkeys((*exact, *cosines, *bm25)))
    words = _standard([bm25.get(key, 0.0) for key in keys])
    if cosines:
        known = [key for key in keys if key in cosines]
        places = dict(zip(known, _standard([cosines[key] for key in known]), strict=True))
        near = [places.get(key, word) for key, word in zip(keys, words, strict=True)]
    else:
        near, weight = words, 0.0
    values = {key: weight * v + (1 - weight) * w for key, v, w in zip(keys, near, words, strict=True)}
    named = {key: place for place, key in enumerate(exact)}
    keys.sort(key=lambda key: (named.get(key, len(named)), -values[key]))
    return [Fused(key, 1.0 if key in named else 1 / (1 + exp(-values[key])), key in named) for key in keys]


def _standard(values: Sequence[float]) -> list[float]:
    """z-scores; all zero when the values are equal."""
    if not values:
        return []
    mean = sum(values) / len(values)
    deviation = sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    return [(value - mean) / deviation if deviation > 1e-12 else 0.0 for value in values]
