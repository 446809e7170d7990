"""Loading a price library of the product's own making: rows, tree and compositions, in one transaction."""

from __future__ import annotations

import csv
import io
import json
from importlib import resources
from typing import Any

from ...kernel import sql
from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.json import dumps

queries = sql.load(__package__ or "")

DEMONSTRATION = "demonstration"


def _table(name: str) -> list[dict[str, Any]]:
    text = resources.files(__package__ or "").joinpath("demo", name).read_text(encoding="utf-8")
    return [{key: value or None for key, value in row.items()} for row in csv.DictReader(io.StringIO(text))]


async def load_demonstration(tx: Tx) -> int:
    """Adds the demonstration library where its codes are free; returns how many ouvrages are new. Safe to repeat."""
    waiting = _table("ouvrages.csv")
    for row in waiting:
        row["technical_specs"] = json.loads(row["technical_specs"] or "{}")
    ids: dict[str | None, int | None] = {None: None}
    # Level by level: a row is inserted where it belongs, and nothing has to be moved after.
    while ready := [{**row, "parent_id": ids[row["parent_code"]]} for row in waiting if row["parent_code"] in ids]:
        added = await tx.all(Row, queries.load_ouvrages, rows=dumps(ready), source=DEMONSTRATION)
        ids |= {row["code"]: row["id"] for row in added}
        done = {row["code"] for row in ready}
        waiting = [row for row in waiting if row["code"] not in done]
    components = [
        {**row, "parent_id": ids[row["parent_code"]], "component_id": ids[row["component_code"]]}
        for row in _table("components.csv")
        if row["parent_code"] in ids and row["component_code"] in ids
    ]
    new = len(ids) - 1
    if new:
        await tx.run(queries.load_components, rows=dumps(components))
        await audit(tx, "import", "ouvrages", None, new={"source": DEMONSTRATION, "rows": new})
    return new
