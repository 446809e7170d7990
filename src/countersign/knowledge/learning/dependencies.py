"""What an answer rests on: each record that it was made from, the columns it was shown, and what lies below a price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from ...kernel import sql
from ...kernel.database import Row, Tx
from ...kernel.json import dumps
from ..tables import service as tables
from ..tables.models import Table
from .models import FactsChanged, LearnedId

queries = sql.load(__package__ or "")

Wanted: TypeAlias = dict[str, dict[int, set[str]]]  # table, row, columns
OUVRAGES = "ouvrages"
PASSAGES = "document_chunks"
FACTS = frozenset(
    (
        *("code", "name", "description", "type", "category", "subcategory", "unit", "unit_price", "currency"),
        *("technical_specs", "composition"),
    )
)
PART = frozenset({"code", "name", "type", "unit", "unit_price", "composition"})
BELOW = frozenset({"code", "name", "type", "category", "unit", "unit_price", "currency"})
COMPOSED = frozenset({"components", "fournitures", "main_oeuvres"})


async def of(tx: Tx, context: Mapping[str, Any]) -> Wanted:
    """The records and columns that the sources in *context* (a message's ``rag_context``) were made of."""
    wanted: Wanted = defaultdict(lambda: defaultdict(set))
    hydrated = cast("dict[str, dict[str, Any]]", context.get("hydrated_data") or {})
    sources = cast("list[dict[str, Any]]", context.get("sources") or [])
    own = await tables.tables(tx) if any(s.get("table") not in (None, OUVRAGES, PASSAGES) for s in sources) else []
    for source in sources:
        table, row = source.get("table"), source.get("row_id")
        if not table or row is None:
            continue
        live = hydrated.get(str(source.get("id"))) or {}
        shown = cast("dict[str, Any]", live.get("row") or {})
        related = cast("dict[str, list[dict[str, Any]]]", live.get("relations") or {})
        if table == OUVRAGES:
            _ouvrage(wanted[OUVRAGES], int(row), shown, related)
        elif table == PASSAGES:
            wanted[PASSAGES][int(row)] |= {"title", "content"}
        else:
            _dynamic(own, wanted, table, int(row), shown, related)
    await _complete(tx, wanted[OUVRAGES])
    return {table: dict(rows) for table, rows in wanted.items() if rows}


def _ouvrage(
    rows: dict[int, set[str]], row: int, shown: Mapping[str, Any], related: Mapping[str, list[dict[str, Any]]]
) -> None:
    columns = (FACTS & shown.keys()) if shown else set(FACTS)
    if "cost" in shown or not COMPOSED.isdisjoint(related):
        columns = columns | {"composition"}
    if "children" in related:
        columns = columns | {"children"}
        for child in related["children"]:
            rows[int(child["id"])] |= BELOW
    rows[row] |= columns


def _dynamic(
    every: Sequence[Table],
    wanted: Wanted,
    table: str,
    row: int,
    shown: Mapping[str, Any],
    related: Mapping[str, list[dict[str, Any]]],
) -> None:
    of = next((one for one in every if one.table_name == table), None)
    if of is None:
        return
    declared = {column.name for column in of.columns}
    wanted[table][row] |= (declared & shown.keys()) if shown else declared
    named = {each.name: each for each in every}
    for name, found in related.items():
        forward = next((column for column in of.columns if column.references and column.relation == name), None)
        target = forward.references if forward else name
        if target == OUVRAGES:
            for one in found:
                wanted[OUVRAGES][int(one["id"])] |= FACTS & one.keys()
        elif target in named:
            columns = {column.name for column in named[target].columns}
            for one in found:
                wanted[named[target].table_name][int(one["id"])] |= columns & one.keys()


async def _complete(tx: Tx, rows: dict[int, set[str]]) -> None:
    """A price that is computed rests on everything below it."""
    composed = [row for row, columns in rows.items() if "composition" in columns]
    if composed:
        for part in cast("list[int]", await tx.value(queries.below, ids=composed)):
            rows[part] |= PART


async def check(tx: Tx, context: Mapping[str, Any]) -> None:
    """Raises ``FactsChanged`` when a record says something else now than the answer was told."""
    hydrated = cast("dict[str, dict[str, Any]]", context.get("hydrated_data") or {})
    by_table: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for source in cast("list[dict[str, Any]]", context.get("sources") or []):
        if source.get("table") and source.get("row_id") is not None:
            by_table[str(source["table"])].append(source)
    for table, sources in by_table.items():
        ids = [int(source["row_id"]) for source in sources]
        now = {row["row_id"]: row["facts"] for row in await tx.all(Row, queries.facts, table=table, rows=ids)}
        costs = (
            {row["id"]: row["cost"] for row in await tx.all(Row, queries.costs, ids=ids)} if table == OUVRAGES else {}
        )
        for source in sources:
            row = int(source["row_id"])
            told = cast("dict[str, Any]", (hydrated.get(str(source["id"])) or {}).get("row") or {})
            label = source.get("code") or source.get("title") or f"{table} {row}"
            if row not in now:
                raise FactsChanged(what=label)
            facts = {**now[row], **({"cost": _text(costs.get(row))} if "cost" in told else {})}
            if any(name in facts and _told(value) and _text(value) != facts[name] for name, value in told.items()):
                raise FactsChanged(what=label)


async def record(tx: Tx, learned: LearnedId, wanted: Wanted) -> None:
    """The learned answer rests on *wanted* as it is now."""
    for table, rows in wanted.items():
        if table not in (OUVRAGES, PASSAGES):
            await tx.run(queries.watch, table=table)
        lines = [[row, sorted(columns)] for row, columns in rows.items()]
        await tx.run(queries.depend, learned=learned, table=table, rows=list(rows), wanted=dumps(lines))


async def renew(tx: Tx, learned: LearnedId) -> None:
    """The same records and columns as they are now, and what has come below a price; what is gone is left out."""
    wanted: Wanted = defaultdict(lambda: defaultdict(set))
    for row in await tx.all(Row, queries.held_by, learned=learned):
        wanted[row["source_table"]][row["row_id"]] |= set(row["columns"])
    await _complete(tx, wanted[OUVRAGES])
    await tx.run(queries.undepend, learned=learned)
    await record(tx, learned, {table: dict(rows) for table, rows in wanted.items() if rows})


def _told(value: Any) -> bool:
    """Whether a stored value has one spelling as text; objects and lists do not."""
    return value is None or (isinstance(value, (str, int)) and not isinstance(value, bool))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
