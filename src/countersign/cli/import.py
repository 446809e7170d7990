"""``countersign import``: a company's own prices, from a file into the library of ouvrages."""

from __future__ import annotations

import json as wire
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from .tools import Home, Json, emit, run, say

app = typer.Typer(help="Bring prices from a file into the library of ouvrages.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The file.")]
Target = Annotated[str, typer.Option("--table", help="Where the rows go: ouvrages.")]
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
    from ..kernel.access import system
    from ..kernel.database import Database
    from ..kernel.settings import Settings
    from ..knowledge.imports import service
    from ..knowledge.imports.mapping import parse
    from ..knowledge.imports.models import BadMapping, Report

    def tell(done: int) -> None:
        if sys.stderr.isatty():
            typer.echo(f"\r{done} rows read", err=True, nl=False)

    async def work() -> tuple[int | None, Report]:
        if table != "ouvrages":
            raise BadMapping("Rows can be brought into ouvrages.")
        try:
            plan = parse(wire.loads(mapping.read_text())) if mapping else None
        except (OSError, ValueError) as error:
            raise BadMapping(f"The mapping cannot be read: {error}") from error
        operator = replace(system(), user_agent="countersign import")
        async with Database(Settings.load(home).require_database(), pool_size=2) as db:
            if dry:
                return None, await service.dry_run(db, operator, file, kind, plan, tell)
            return await service.bring(db, operator, file, kind, plan, tell)

    import_id, report = run(work())
    if json:
        emit({"id": import_id, "dry_run": dry, **asdict(report)})
        return
    say(
        f"{report.total} rows: {report.inserted} new, {report.updated} changed, {report.unchanged} unchanged,"
        f" {report.skipped} skipped, {report.failed} refused"
        + (
            f"; prices: {report.prices_up} up, {report.prices_down} down"
            if report.prices_up + report.prices_down
            else ""
        )
        + (". Nothing was written." if dry else f". Import {import_id}.")
    )
