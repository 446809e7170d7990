"""``countersign import``: a company's own prices, from a file into the library of ouvrages."""

from __future__ import annotations

import json as wire
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .tools import Home, Json, emit, run, say

if TYPE_CHECKING:
    from ..index.run import Progress
    from ..kernel.access import Caller
    from ..kernel.app import App
    from ..knowledge.imports.models import Import

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
    import logging

    import structlog

    from ..kernel.access import system
    from ..kernel.app import App
    from ..kernel.errors import CountersignError
    from ..kernel.settings import Settings
    from ..knowledge import jobs as _  # noqa: F401  (the job registers itself)
    from ..knowledge.imports import files, service
    from ..knowledge.imports.mapping import parse
    from ..knowledge.imports.models import BadMapping, Import, UnreadableFile
    from .index import bar

    async def work() -> Import:
        service.target(table)
        try:
            plan = parse(wire.loads(mapping.read_text())) if mapping else None
        except (OSError, ValueError) as error:
            raise BadMapping(f"The mapping cannot be read: {error}") from error
        operator = replace(system(), user_agent="countersign import")
        async with App(Settings.load(home)) as instance:
            try:
                with file.open("rb") as content:
                    kept = await files.keep(instance, operator, file.name, content, kind)
            except OSError as error:
                raise UnreadableFile(f"{file}: {error.strerror}.") from error
            found = await service.looked_at(instance, operator, kept)
            async with instance.db.transaction(operator) as tx:
                tx.bell = None  # done here; a worker takes it over if this process is killed
                plan = plan or await service.proposed(tx, found, kept.names, table)
                import_id = await service.begin(tx, kept, plan, table=table, dry_run=dry)
            with bar("rows") as tell:
                done = await _follow(instance, operator, import_id, tell)
        if done.status != "completed":
            raise CountersignError(done.first_error or f"Import {done.id} was {done.status}.")
        return done

    # Standard output is the result, and what a job would log of a bad file is said below in one line.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    done = run(work())
    report = done.report or {}
    if json:
        emit({"id": done.id, "dry_run": dry, **report})
        return
    prices = f"; prices: {report['prices_up']} up, {report['prices_down']} down"
    say(
        f"{done.total_rows} rows: {done.inserted_rows} new, {done.updated_rows} changed, {done.unchanged_rows} unchanged,"
        f" {done.skipped_rows} skipped, {done.failed_rows} refused"
        + (prices if report["prices_up"] + report["prices_down"] else "")
        + (". Nothing was written." if dry else f". Import {done.id}.")
    )


async def _follow(app: App, caller: Caller, import_id: int, tell: Progress) -> Import:
    """Does the import here, unless a worker was faster; tells how far it is until it has ended."""
    import asyncio

    from ..kernel import jobs
    from ..knowledge.imports import service

    async def look() -> Import:
        async with app.db.transaction(caller, read_only=True) as tx:
            return await service.one(tx, import_id)

    doing = asyncio.create_task(jobs.work(app, (await look()).job_id or 0))
    while (found := await look()).going:
        await tell(found.rows_done, found.rows_expected or 0, found.phase or "waiting")
        await asyncio.wait({doing}, timeout=0.5)
        if doing.done():
            await asyncio.sleep(0.2)
    await doing
    return found
