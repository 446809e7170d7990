"""What an import is told, what it reports, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from ...kernel.errors import Conflict, Invalid, NotFound

TRANSFORMS = frozenset({"trim", "upper", "lower", "unit", "decimal_fr", "decimal_en", "date_fr", "null_if_empty"})
CONFLICTS = frozenset({"update", "skip", "error"})
ENCODINGS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "windows-1252": "cp1252"}
SEPARATORS = ",;\t|"


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
class Reading:
    """How the file is read, where somebody said so; what is None is recognised."""

    encoding: str | None = None
    separator: str | None = None
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """The columns of an import; a row is found again by those of *key*, or always new without any."""

    columns: dict[str, Column]
    on_conflict: str = "update"
    key: tuple[str, ...] = ("code",)
    read: Reading = Reading()


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


class NoSuchImport(NotFound):
    """There is no such import, or no such file of one."""


class NoSuchMapping(NotFound):
    """There is no mapping of this name."""


class NotRunning(Conflict):
    """This import has ended; there is nothing to cancel."""


class NotUndoable(Conflict):
    """This import cannot be undone: only one that ended well can, and only once."""


class NothingKept(NotUndoable):
    """What the table held before this import is not known any more. Import the former file again."""


class FileGone(Conflict):
    """The bytes of this file are not kept any more. Send it again."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that was sent; *names* are its columns, *kept* whether its bytes are still there."""

    id: int
    uuid: UUID
    name: str
    kind: str
    size_bytes: int
    sha256: str | None
    names: list[str]
    created_at: datetime
    kept: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """A mapping by name, as people write it; *names* are the columns of the file that it was made for."""

    id: int
    name: str
    target_table: str
    names: list[str]
    mapping: dict[str, Any]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Import:
    """An import as its page shows it: what it is told, how far it is, what it did."""

    id: int
    source_type: str
    source_name: str | None
    target_table: str
    mapping: dict[str, Any] | None
    dry_run: bool
    status: str
    total_rows: int
    imported_rows: int
    failed_rows: int
    inserted_rows: int
    updated_rows: int
    unchanged_rows: int
    skipped_rows: int
    report: dict[str, Any] | None
    first_error: str | None
    phase: str | None
    rows_done: int
    rows_expected: int | None
    rows_per_second: int | None
    seconds_left: int | None
    file_id: int | None
    job_id: int | None
    author: str | None
    started_at: datetime | None
    completed_at: datetime | None
    undone_at: datetime | None
    created_at: datetime

    @property
    def going(self) -> bool:
        """Whether its job has not ended."""
        return self.status in ("pending", "processing")

    @property
    def names(self) -> list[str] | None:
        """The columns of the file in their order, as this import read it."""
        return (self.report or {}).get("names")

    @property
    def undoing(self) -> bool:
        """Whether a job is taking it back."""
        return self.status == "completed" and self.phase == "undoing"

    @property
    def undoable(self) -> bool:
        """Whether it wrote something that may be taken back."""
        wrote = self.inserted_rows + self.updated_rows > 0
        return self.status == "completed" and not self.dry_run and wrote and not self.undoing
