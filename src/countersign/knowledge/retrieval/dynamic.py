"""Hydration of users' tables: labelled lines of live rows, relations by declared foreign keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ...kernel.database import Row, Tx
from ...kernel.json import dumps
from ..tables import service as tables
from ..tables.models import Table
from .formats import number
from .models import Record
from .present import labels

INTERNAL = frozenset({"created_at", "updated_at"})
HEADINGS = ("name", "nom", "title", "titre", "designation", "libelle", "label")
_PLACE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
CODES = ("code", "reference", "ref", "sku")


class Dynamic:
    """Hydrates one table of users; ``table`` is the real table, as entries of the index name it."""

    def __init__(self, of: Table, every: Sequence[Table]) -> None:
        self.of = of
        self.table = of.table_name
        self.relations = tables.relations_of(of, every)

    @property
    def fields(self) -> tuple[str, ...]:
        """Columns that an agent may choose."""
        return tuple(column.name for column in self.of.columns)

    async def records(
        self, tx: Tx, ids: Sequence[int], fields: Sequence[str], relations: Sequence[str], language: str
    ) -> dict[int, Record]:
        """One statement for the rows, one for each relation and one that says what the tables are."""
        rows = await tables.live(tx, self.of, ids)
        wanted = [name for name in relations if name in self.relations]
        related = await tables.related(tx, self.of, rows, wanted) if rows and wanted else {}
        return {
            row["id"]: self._record(row, {name: related[name].get(row["id"], []) for name in wanted}, fields, language)
            for row in rows
        }

    def _record(self, row: Row, related: dict[str, list[Row]], fields: Sequence[str], language: str) -> Record:
        title = next((str(row[name]) for name in HEADINGS if row.get(name)), f"{self.of.name} {row['id']}")
        code = next((str(row[name]) for name in CODES if row.get(name)), None)
        told = _facts(row) if "*" in fields else {key: row[key] for key in row if key in {*fields, "id"}}
        shown = {name: [_facts(one) for one in found] for name, found in related.items()}
        colon = labels(language)["colon"]
        lines = [
            f"{name.replace('_', ' ')}{colon}{told_as(value, language)}"
            for name, value in told.items()
            if name != "id" and value is not None
        ]
        for name, found in shown.items():
            lines += [f"{name.replace('_', ' ')}{colon}{_line(one, language)}" for one in found]
        return Record(
            row_id=row["id"],
            title=title,
            code=code,
            url=f"/records/tables/{self.of.name}/rows/{row['id']}",
            row=told,
            relations=shown,
            text="\n".join([title if code is None else f"{code} — {title}", *lines]),
        )


def templated(template: str, row: Row, language: str) -> str:
    """*template* with each ``{{field}}`` as people read it; what is empty leaves nothing."""

    def told(match: re.Match[str]) -> str:
        value = row.get(match[1])
        return "" if value is None else told_as(value, language)

    return _PLACE.sub(told, template)


def told_as(value: Any, language: str) -> str:
    """One value as people read it."""
    french = language.startswith("fr")
    if isinstance(value, bool):
        return ("oui" if value else "non") if french else ("yes" if value else "no")
    if isinstance(value, Decimal):
        exponent = value.normalize().as_tuple().exponent
        stored = value.as_tuple().exponent
        # A price keeps its two decimals; further zeros say nothing.
        least = min(2, -stored) if isinstance(stored, int) else 0
        return number(value, language, decimals=max(least, -exponent if isinstance(exponent, int) else 0))
    if isinstance(value, int):
        return number(Decimal(value), language)
    if isinstance(value, datetime):
        return f"{value:%d/%m/%Y %H:%M} UTC" if french else f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}" if french else value.isoformat()
    return value if isinstance(value, str) else dumps(value)


def _facts(row: Row) -> Row:
    return {key: value for key, value in row.items() if key not in INTERNAL}


def _line(row: Row, language: str) -> str:
    parts = (
        f"{key.replace('_', ' ')} {told_as(value, language)}"
        for key, value in row.items()
        if key != "id" and value is not None
    )
    return ", ".join(parts)
