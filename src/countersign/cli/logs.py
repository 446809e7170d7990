"""``countersign logs``: what was noted and is no longer needed."""

from __future__ import annotations

from typing import Annotated

import typer

from .tools import Home, Json, emit, run, say

app = typer.Typer(help="Take away old logs.", no_args_is_help=True)


@app.callback()
def logs() -> None:
    """Take away old logs."""


@app.command()
def purge(
    days: Annotated[int, typer.Option(min=1, max=36500, help="What is older than so many days goes.")] = 90,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go and remove nothing.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Remove old deliveries of webhooks and application logs, by whole months, and jobs that have ended.

    The audit trail, the events and every decision stay.
    """
    from dataclasses import replace

    from ..kernel.access import system
    from ..kernel.database import Database
    from ..kernel.purge import purge as remove
    from ..kernel.settings import Settings
    from .index import bar

    async def work() -> dict[str, int]:
        operator = replace(system(), user_agent="countersign logs purge")
        async with Database(Settings.load(home).require_database(), pool_size=2) as db:
            with bar("purge") as tell:
                return await remove(db, operator, days, tell, dry=dry_run)

    gone = run(work())
    if json:
        emit({"days": days, "dry_run": dry_run, "removed": gone})
        return
    say(", ".join(f"{count} of {table}" for table, count in gone.items()) + (" would go." if dry_run else " removed."))
