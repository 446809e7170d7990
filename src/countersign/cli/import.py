"""``countersign import``: a company's own records, from a file into the library of ouvrages or a table of its own."""

from __future__ import annotations

import json as wire
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .tools import Home, Json, emit, run, say

if TYPE_CHECKING:
    from ..knowledge.imports.models import Import

app = typer.Typer(help="Bring records from a file into the library of ouvrages, or into a table.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The file.")]
Target = Annotated[str, typer.Option("--table", help="Where the rows go: ouvrages, or the name of a table.")]
Plan = Annotated[Path | None, typer.Option("--mapping", help="Which column goes where; guessed when left out.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Say what would happen and write nothing.")]


@app.command()
def csv(
    file: File, table: Target = "ouvrages", mapping: Plan = None, dry_run: Dry = False, home: Home = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Bring a CSV file; encoding, separator and decimal commas are recognised."""
    _bring("csv", file, table, mapping, dry_run, home, json)


@app.command()
def json(
    file: File, table: Target = "ouvrages", mapping: Plan = None, dry_run: Dry = False, home: Home = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Bring a JSON array of objects, or JSON Lines (.jsonl)."""
    _bring(
        "jsonl" if file.suffix.lower() in (".jsonl", ".ndjson") else "json", file, table, mapping, dry_run, home, json
    )


@app.command()
def excel(
    file: File, table: Target = "ouvrages", mapping: Plan = None, dry_run: Dry = False, home: Home = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Bring the first sheet of a workbook."""
    _bring("excel", file, table, mapping, dry_run, home, json)


def _bring(kind: str, file: Path, table: str, mapping: Path | None, dry: bool, home: Path | None, json: bool) -> None:
    import logging

    import structlog

    from ..kernel.access import system
    from ..kernel.app import App
    from ..kernel.settings import Settings
    from ..knowledge import jobs as _  # noqa: F401  (the job registers itself)
    from ..knowledge.imports.bring import bring
    from ..knowledge.imports.models import BadMapping
    from .index import bar

    async def work() -> Import:
        try:
            plan = wire.loads(mapping.read_text()) if mapping else None
        except (OSError, ValueError) as error:
            raise BadMapping(f"The mapping cannot be read: {error}") from error
        operator = replace(system(), user_agent="countersign import")
        async with App(Settings.load(home)) as instance:
            with bar("rows") as tell:
                return await bring(instance, operator, file, kind, plan, table=table, dry_run=dry, tell=tell)

    # Standard output is the result, and what a job would log of a bad file is said below in one line.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    done = run(work())
    report = done.report or {}
    if json:
        emit({"id": done.id, "dry_run": dry, **report})
        return
    prices = f"; prices: {report['prices_up']} up, {report['prices_down']} down"
    say(
        f"{done.total_rows} rows: {done.inserted_rows} new, {done.updated_rows} changed,"
        f" {done.unchanged_rows} unchanged, {done.skipped_rows} skipped, {done.failed_rows} refused"
        + (prices if report["prices_up"] + report["prices_down"] else "")
        + (". Nothing was written." if dry else f". Import {done.id}.")
    )
