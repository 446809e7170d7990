"""Two hundred answers written by hand about the demonstration library, half of them with an error planted.

In the files a figure stands between braces, `{45,50 €/m²}`, a wrong one as `{!54,50 €/m²}`; figures without braces name
something (dates, norms, codes) and are to be left alone. `answers_unseen.jsonl` is for judging the checker, not for
improving it: whoever changes the checker looks at the cases of the other file only.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from countersign.knowledge.retrieval.check import check_numbers

FOLDER = Path(__file__).parent / "answers"
MARK = re.compile(r"\{(!?)([^}]*)\}")


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


SOURCES = {source["key"]: source["text"] for source in lines("sources.jsonl")}


@dataclass(frozen=True)
class Judged:
    """What the checker made of one answer: its wrong figures caught and missed, the others that it flagged."""

    caught: list[str]
    missed: list[str]
    let_through: list[str]
    flagged: list[str]


def judge(case: dict[str, Any]) -> Judged:
    answer, right, wrong = "", list[tuple[int, int]](), list[tuple[int, int]]()
    place = 0
    for mark in MARK.finditer(case["answer"]):
        answer += case["answer"][place : mark.start()]
        (wrong if mark[1] else right).append((len(answer), len(answer) + len(mark[2])))
        answer, place = answer + mark[2], mark.end()
    answer += case["answer"][place:]
    checks = check_numbers(answer, [SOURCES[key] for key in case["sources"]], case["question"], case["language"])
    flags = [(check.start, check.end) for check in checks if check.status == "unsupported"]

    def texts(spans: list[tuple[int, int]], hit: bool) -> list[str]:
        return [answer[a:b] for a, b in spans if any(s < b and a < e for s, e in flags) is hit]

    # A flag on what is no figure at all counts like one on a right figure.
    stray = [answer[s:e] for s, e in flags if not any(s < b and a < e for a, b in (*right, *wrong))]
    return Judged(texts(wrong, True), texts(wrong, False), texts(right, False), texts(right, True) + stray)


@pytest.mark.parametrize("name", ["answers.jsonl", "answers_unseen.jsonl"])
def test_wrong_figures_are_caught_and_right_ones_let_through(name: str) -> None:
    cases = lines(name)
    judged = [judge(case) for case in cases]
    caught, missed = sum(len(j.caught) for j in judged), sum(len(j.missed) for j in judged)
    right, flagged = sum(len(j.let_through) for j in judged), sum(len(j.flagged) for j in judged)
    catch_rate, false_rate = Decimal(caught) / (caught + missed), Decimal(flagged) / (right + flagged)
    print(f"\n{len(cases)} answers: {catch_rate:.1%} of {caught + missed} wrong figures caught,", end=" ")
    print(f"{false_rate:.1%} of {right + flagged} right ones flagged")

    assert catch_rate >= Decimal("0.95"), [
        (j.missed, c["answer"]) for j, c in zip(judged, cases, strict=True) if j.missed
    ]
    assert false_rate <= Decimal("0.03"), [
        (j.flagged, c["answer"]) for j, c in zip(judged, cases, strict=True) if j.flagged
    ]
    half = sum(case["slip"] is not None for case in cases)
    assert half * 2 == len(cases)
    assert all(bool(j.caught or j.missed) == (c["slip"] is not None) for j, c in zip(judged, cases, strict=True))
