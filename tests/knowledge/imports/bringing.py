"""What the tests of imports share: a file is brought by the job itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from countersign.kernel.access import Caller, system
from countersign.kernel.app import App
from countersign.knowledge.imports.bring import bring as really
from countersign.knowledge.imports.models import Import


async def bring(
    house: App,
    path: Path,
    kind: str = "csv",
    mapping: Any = None,
    *,
    table: str = "ouvrages",
    dry_run: bool = False,
    caller: Caller | None = None,
) -> Import:
    """The import, ended well."""
    return await really(house, caller or system(), path, kind, mapping, table=table, dry_run=dry_run)


def counts(done: Import) -> tuple[int, ...]:
    """Total, inserted, updated, unchanged, failed."""
    return done.total_rows, done.inserted_rows, done.updated_rows, done.unchanged_rows, done.failed_rows
