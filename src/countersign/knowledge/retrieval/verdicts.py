"""What the check of an answer found, figure by figure, as it is stored and sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

Status = Literal["source", "question", "computed", "unsupported"]


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """One figure of an answer (`text == answer[start:end]`) and what supports it; *source* counts from 1.

    An unsupported figure with a source stands only there, and its sentence is about another one.
    """

    text: str
    start: int
    end: int
    value: Decimal
    unit: str | None
    status: Status
    source: int | None = None
    how: str | None = None


def as_json(checks: Sequence[NumberCheck]) -> dict[str, list[dict[str, Any]]]:
    """`{"numbers": [{text, value, unit, status, source, start, end, how}]}`; values are exact decimal strings."""
    return {
        "numbers": [
            {
                "text": check.text,
                "value": format(check.value, "f"),
                "unit": check.unit,
                "status": check.status,
                "source": check.source,
                "start": check.start,
                "end": check.end,
                "how": check.how,
            }
            for check in checks
        ]
    }
