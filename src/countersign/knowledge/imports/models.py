"""What an import is told, what it reports, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...kernel.errors import Invalid

TRANSFORMS = frozenset({"trim", "upper", "lower", "unit", "decimal_fr", "decimal_en", "date_fr", "null_if_empty"})
CONFLICTS = frozenset({"update", "skip", "error"})


class UnreadableFile(Invalid):
    """This file cannot be read. Check that it is complete and of the kind that its command expects."""


class BadMapping(Invalid):
    """The mapping does not fit. Correct it as the message says."""


@dataclass(frozen=True, slots=True)
class Column:
    """Where one column of the target comes from, and what its values must be."""

    source: str | None
    required: bool = False
    transforms: tuple[str, ...] = ()
    min: Any = None
    max: Any = None
    map: dict[str, str] = field(default_factory=dict[str, str])
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """The columns of an import; a row is found again by those of *key*, or always new without any."""

    columns: dict[str, Column]
    on_conflict: str = "update"
    key: tuple[str, ...] = ("code",)


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did, or would do."""

    total: int
    inserted: int
    updated: int
    unchanged: int
    skipped: int
    failed: int
    prices_up: int
    prices_down: int
    largest_rise: Any
    largest_fall: Any
