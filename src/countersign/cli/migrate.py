"""``countersign migrate``: bring the database to this version's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from .tools import Home, Json, emit, run, say

if TYPE_CHECKING:
    from ..kernel.migrate import Migration

app = typer.Typer()


@app.command()
def migrate(home: Home = None, json: Json = False) -> None:
    """Bring the database to this version's schema. Safe to repeat, safe on a live database; `up` does it by itself."""
    from ..kernel import migrate as migrations
    from ..kernel.settings import Settings

    async def work() -> list[Migration]:
        settings = Settings.load(home)
        return await migrations.up(settings.owner_url or settings.require_database(), say=say)

    applied = run(work())
    if json:
        emit([{"version": each.version, "name": each.name} for each in applied])
    else:
        say(f"Applied {len(applied)} migrations." if applied else "The schema is up to date.")
