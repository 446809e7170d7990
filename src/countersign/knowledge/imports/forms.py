"""The mapping as a form: a line for each column of the file with the field that it fills, and back to a mapping."""

from __future__ import annotations

from collections.abc import Mapping as Fields
from dataclasses import dataclass, replace
from typing import Any, cast

from ...kernel.database import Row, Tx
from ...kernel.json import loads
from .mapping import SIGNS, filled, parse, reading, signed, written
from .models import CONFLICTS, BadMapping, Mapping
from .records import Found, Record
from .rows import reader
from .service import queries
from .targets import Target

EXAMPLES = 3
PREVIEWED = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A column of the file: its first values, and the *field* that it fills, if any."""

    name: str
    examples: list[str]
    field: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as it would be stored, or why it is refused."""

    number: int
    values: dict[str, Any]
    error: str | None


def lines(found: Found, mapping: Mapping) -> list[Line]:
    """The columns in their order; the first field of the target that takes from one is the one shown."""
    fields: dict[str | None, str] = {}
    for name, column in mapping.columns.items():
        fields.setdefault(column.source, name)
    return [Line(name, _examples(found.sample, name), fields.get(name, "")) for name in found.names]


def _examples(sample: list[Record], name: str) -> list[str]:
    cells = dict.fromkeys(cell for record in sample if record.error is None and (cell := record.get(name)))
    return [cell if len(cell) <= 60 else cell[:59] + "…" for cell in list(cells)[:EXAMPLES]]


def sign(mapping: Mapping) -> str:
    """The decimal sign that the mapping tells; empty when each number shows its own."""
    told = {transform for column in mapping.columns.values() for transform in column.transforms}
    return next((mark for mark, transform in SIGNS.items() if transform in told), "")


def base_of(text: str, into: Target) -> Mapping:
    """The mapping that the form was made from: it knows limits, words and defaults that the form does not show."""
    try:
        said: Any = loads(text)
    except ValueError:
        return Mapping({}, key=into.key)
    try:
        return parse(said, into)
    except BadMapping:
        # What nobody could guess is still to be chosen; how the file is read is known.
        read = cast("dict[str, Any]", said).get("read") if isinstance(said, dict) else None
        return Mapping({}, key=into.key, read=reading(read or {}))


def chosen(form: Fields[str, Any], found: Found, base: Mapping, into: Target) -> tuple[Mapping, BadMapping | None]:
    """What the form says, and what is wrong with it."""
    before = {line.name: line.field for line in lines(found, base)}
    told = {name: str(form.get(f"to-{place}") or "") for place, name in enumerate(found.names)}
    columns = {
        name: column if column.source in before else replace(column, source=None)
        for name, column in base.columns.items()
        # One column may fill a second field, which a line cannot show: it does so until the line is changed.
        if (column.source in before and before[column.source] != name and told[column.source] == before[column.source])
        or (column.source not in before and column.default is not None)
    }
    wrong: BadMapping | None = None
    taken: dict[str, str] = {}
    for source, name in told.items():
        if name not in into.fields:
            continue
        if name in taken:
            wrong = wrong or BadMapping(
                f"Both “{taken[name]}” and “{source}” fill {name}. Keep one.", twice=(taken[name], source)
            )
            continue
        taken[name] = source
        known = base.columns.get(name)
        columns[name] = known if known and known.source == source else filled(name, source, into, found.sample)
    mark, conflict = str(form.get("decimal") or ""), str(form.get("on_conflict") or "update")
    key = into.key if into.table is None else tuple(name for name in into.key if name in columns)
    mapping = signed(
        Mapping(
            {name: columns[name] for name in into.fields if name in columns},
            conflict if conflict in CONFLICTS else "update",
            key,
            base.read,
        ),
        mark if mark in SIGNS else "",
        into,
    )
    try:
        return parse(written(mapping), into), wrong
    except BadMapping as error:
        return mapping, wrong or error


async def preview(tx: Tx, found: Found, mapping: Mapping, into: Target) -> list[Shown]:
    """The first rows as they would be stored, their units spelled as the database spells them."""
    read = reader(mapping, into)
    rows = [(place, *read(record)) for place, record in enumerate(found.sample[:PREVIEWED], 1)]
    unit = mapping.columns.get("unit")
    if into.table is None and unit and "unit" in unit.transforms:
        given = sorted({row["unit"] for _, row, error in rows if not error and row.get("unit")})
        spelled = {each["given"]: each for each in await tx.all(Row, queries.units_as_stored, units=given)}
        for _, row, error in rows:
            if not error and (found_unit := spelled.get(row.get("unit"))):
                row["unit"] = found_unit["unit"]
                if row.get("unit_price") is not None:
                    row["unit_price"] = round(row["unit_price"] / found_unit["factor"], 4)
    return [Shown(*row) for row in rows]
