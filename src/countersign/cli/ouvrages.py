"""``countersign ouvrages``: the library of prices."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .tools import Home, Json, emit, run, say

if TYPE_CHECKING:
    from ..index.run import Report

app = typer.Typer(help="Look after the library of ouvrages.", no_args_is_help=True)


class Type(StrEnum):
    """Types of ouvrages."""

    compose = "compose"
    simple = "simple"
    fourniture = "fourniture"
    main_oeuvre = "main_oeuvre"


@app.callback()
def ouvrages() -> None:
    """Look after the library of ouvrages."""


@app.command()
def index(
    chunk: Annotated[int, typer.Option(min=1, max=10_000, help="Ouvrages a transaction.")] = 100,
    force: Annotated[bool, typer.Option("--force", help="Write those again that have not changed.")] = False,
    type: Annotated[Type | None, typer.Option(help="Only those of this type.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Bring the ouvrages into every collection of an agent that answers from them. Safe to repeat."""
    from ..index import indexer
    from ..kernel.access import system
    from ..kernel.app import App
    from ..kernel.settings import Settings
    from ..knowledge import jobs as _  # noqa: F401  (the kinds of entries register themselves)
    from ..knowledge.ouvrages import indexing
    from .index import bar

    async def work() -> dict[str, Report]:
        async with App(Settings.load(home)) as instance:
            caller = system()
            done: dict[str, Report] = {}
            async with instance.db.transaction(caller, read_only=True) as tx:
                ids = await indexing.live_ids(tx, type)
                collections = await indexing.collections(tx)
            for collection in collections:
                with bar(collection) as tell:
                    for start in range(0, len(ids), chunk):
                        async with instance.db.transaction(caller) as tx:
                            await indexing.mark(tx, collection, ids[start : start + chunk], force=force)
                        await tell(min(start + chunk, len(ids)), len(ids), "marked")
                    done[collection] = await indexer.index(instance, caller, collection, tell)
        return done

    done = run(work())
    if json:
        shown: list[dict[str, Any]] = [{"collection": name, **asdict(report)} for name, report in done.items()]
        emit(shown)
    else:
        for name, report in done.items():
            told = f"{report.read} read, {report.indexed} indexed ({report.embedded} embedded), {report.failed} failed"
            say(f"{name}: {told}")
        if not done:
            say("No agent answers from the ouvrages yet. Create one, or start with `countersign up --demo`.")
    if any(report.failed for report in done.values()):
        raise typer.Exit(1)
