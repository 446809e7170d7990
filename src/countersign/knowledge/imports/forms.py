"""The mapping as a form: a line for each column of the file with the field that it fills, and back to a mapping."""

from __future__ import annotations

from collections.abc import Mapping as Fields
from dataclasses import dataclass, replace
from typing import Any

from ...kernel.database import Row, Tx
from ...kernel.json import loads
from .mapping import filled, parse, written
from .models import CONFLICTS, BadMapping, Column, Mapping
from .records import Found, Record
from .rows import reader
from .service import queries
from .targets import OUVRAGES

EXAMPLES = 3
PREVIEWED = 8
SIGNS = {",": "decimal_fr", ".": "decimal_en"}


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


def base_of(text: str) -> Mapping:
    """The mapping that the form was made from: it knows limits, words and defaults that the form does not show."""
    try:
        return parse(loads(text))
    except (ValueError, BadMapping):
        return Mapping({})


def chosen(form: Fields[str, Any], found: Found, base: Mapping) -> tuple[Mapping, BadMapping | None]:
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
        if name not in OUVRAGES.fields:
            continue
        if name in taken:
            wrong = wrong or BadMapping(
                f"Both “{taken[name]}” and “{source}” fill {name}. Keep one.", twice=(taken[name], source)
            )
            continue
        taken[name] = source
        known = base.columns.get(name)
        columns[name] = known if known and known.source == source else filled(name, source, sample=found.sample)
    mark, conflict = str(form.get("decimal") or ""), str(form.get("on_conflict") or "update")
    order = [name for name in OUVRAGES.fields if name in columns]
    mapping = Mapping(
        {name: _signed(name, columns[name], mark) for name in order}, conflict if conflict in CONFLICTS else "update"
    )
    try:
        return parse(written(mapping)), wrong
    except BadMapping as error:
        return mapping, wrong or error


def _signed(name: str, column: Column, mark: str) -> Column:
    if not OUVRAGES.fields[name].is_number:
        return column
    others = tuple(each for each in column.transforms if each not in SIGNS.values())
    return replace(column, transforms=others + ((SIGNS[mark],) if mark in SIGNS else ()))


async def preview(tx: Tx, found: Found, mapping: Mapping) -> list[Shown]:
    """The first rows as they would be stored, their units spelled as the database spells them."""
    read = reader(mapping)
    rows = [(place, *read(record)) for place, record in enumerate(found.sample[:PREVIEWED], 1)]
    unit = mapping.columns.get("unit")
    if unit and "unit" in unit.transforms:
        given = sorted({row["unit"] for _, row, error in rows if not error and row.get("unit")})
        spelled = {each["given"]: each for each in await tx.all(Row, queries.units_as_stored, units=given)}
        for _, row, error in rows:
            if not error and (found_unit := spelled.get(row.get("unit"))):
                row["unit"] = found_unit["unit"]
                if row.get("unit_price") is not None:
                    row["unit_price"] = round(row["unit_price"] / found_unit["factor"], 4)
    return [Shown(*row) for row in rows]
