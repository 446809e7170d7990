"""Hydration: vectors find the records, SQL supplies the figures, at the moment of the answer.

Only registered tables can be hydrated. One statement per table and one per relation serves every hit, in a read-only
transaction behind row-level security.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields as fields_of
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, Protocol

from ...kernel.database import Tx
from ..agents import service as agents
from ..agents.models import Hydratable
from ..ouvrages import service as ouvrages
from ..ouvrages.models import Component, Ouvrage, Summary, Whole
from ..tables import service as tables
from .dynamic import Dynamic
from .models import Record, UnknownTable
from .present import ouvrage_text

MOST_RELATED = 50
KIND = "ouvrage"  # of their entries in the index
BOOKKEEPING = {"is_indexed", "updated_at"}  # not facts: their change is no change of the record


class Hydrator(Protocol):
    """One hydratable table."""

    table: str
    relations: frozenset[str]

    @property
    def fields(self) -> tuple[str, ...]:
        """Columns that an agent may choose."""
        ...

    async def records(
        self, tx: Tx, ids: Sequence[int], fields: Sequence[str], relations: Sequence[str], language: str
    ) -> dict[int, Record]:
        """Live rows of *ids*; those that are gone or hidden are absent."""
        ...


class Ouvrages:
    """Hydrates ``ouvrages`` with their composition and what stands below them."""

    table = "ouvrages"
    fields = tuple(field.name for field in fields_of(Ouvrage) if field.name not in {"id", *BOOKKEEPING})
    relations = frozenset({"fournitures", "main_oeuvres", "components", "children"})
    _of_type: ClassVar = {"fournitures": "fourniture", "main_oeuvres": "main_oeuvre"}

    async def records(
        self, tx: Tx, ids: Sequence[int], fields: Sequence[str], relations: Sequence[str], language: str
    ) -> dict[int, Record]:
        """One statement, however many hits there are."""
        composed = not {"components", *self._of_type}.isdisjoint(relations)
        below = MOST_RELATED if "children" in relations else 0
        rows = await ouvrages.whole(tx, ids, composed=composed, below=below)
        return {row.id: self._record(row, fields, relations, language) for row in rows}

    def _record(self, row: Whole, fields: Sequence[str], relations: Sequence[str], language: str) -> Record:
        below = [_values(child, Summary) for child in row.children()]
        related: dict[str, list[dict[str, Any]]] = {}
        shown: dict[int, Component] = {}
        told = [(c, _values(c, Component)) for c in row.components()]  # once, however many relations show it
        for name in relations:
            if name == "children":
                related[name] = below
                continue
            wanted = self._of_type.get(name)
            lines = [(c, values) for c, values in told if wanted is None or c.type == wanted]
            related[name] = [values for _, values in lines[:MOST_RELATED]]
            shown |= {c.id: c for c, _ in lines}
        values = {key: value for key, value in _values(row, Ouvrage).items() if key not in BOOKKEEPING}
        if "*" not in fields:
            values = {key: value for key, value in values.items() if key in {*fields, "id", "code", "name"}}
        return Record(
            row_id=row.id,
            title=row.name,
            code=row.code,
            url=f"/records/ouvrages/{row.id}",
            row=values,
            relations=related,
            text=ouvrage_text(row, list(shown.values()), below, language, values.keys()),
        )


def _values(row: Any, kind: type[Ouvrage | Component | Summary]) -> dict[str, Any]:
    """Columns of *kind* by name. Values are shared, not copied: nobody changes a live row."""
    names, read = _columns(kind)
    return dict(zip(names, read(row), strict=True))


@cache
def _columns(kind: type[Ouvrage | Component | Summary]) -> tuple[list[str], attrgetter[tuple[Any, ...]]]:
    names = [field.name for field in fields_of(kind)]
    return names, attrgetter(*names)


REGISTRY: dict[str, Hydrator] = {hydrator.table: hydrator for hydrator in (Ouvrages(),)}


def hydrator(table: str) -> Hydrator:
    """The hydrator of *table*. Raises ``UnknownTable`` with the list of what may be named."""
    if table not in REGISTRY:
        raise UnknownTable(f"The table {table!r} cannot be hydrated. Known: {', '.join(sorted(REGISTRY))}.")
    return REGISTRY[table]


async def hydratable(tx: Tx) -> dict[str, Hydrator]:
    """Every table that can be hydrated here, by name: ours, and those that users defined."""
    every = await tables.tables(tx)
    return {**REGISTRY, **{of.name: Dynamic(of, every) for of in every}}


async def hydrator_of(tx: Tx, table: str) -> Hydrator:
    """The hydrator of *table*, ours or a user's. Raises ``UnknownTable`` with the list of what may be named."""
    if table in REGISTRY:  # what users' tables are need not be asked
        return REGISTRY[table]
    known = await hydratable(tx)
    if table not in known:
        raise UnknownTable(f"The table {table!r} cannot be hydrated. Known: {', '.join(sorted(known))}.")
    return known[table]


@agents.describe_with
async def described(tx: Tx) -> dict[str, Hydratable]:
    """What agents may choose from: tables with their fields and relations."""
    kept = {of.name: of.qdrant_collection or of.name for of in await tables.tables(tx)}
    return {
        name: Hydratable(name, name if name in kept else KIND, one.fields, tuple(sorted(one.relations)), kept.get(name))
        for name, one in (await hydratable(tx)).items()
    }
