"""``countersign agent``: the agents that answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .tools import Home, Json, emit, run, say

if TYPE_CHECKING:
    from ..index.models import Collection

app = typer.Typer(help="Look after the agents that answer.", no_args_is_help=True)


@app.callback()
def agent() -> None:
    """Look after the agents that answer."""


@app.command()
def reindex(
    slug: Annotated[str, typer.Argument(help="The agent, as its address names it.")],
    force: Annotated[bool, typer.Option("--force", help="Swap even if validated questions find less.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Rebuild what an agent searches, beside the collection that answers meanwhile; then let the new one answer."""
    from ..index import indexer
    from ..kernel.access import system
    from ..kernel.app import App
    from ..kernel.settings import Settings
    from ..knowledge import jobs as _  # noqa: F401  (the kinds of entries register themselves)
    from ..knowledge.agents import service
    from .index import bar

    async def work() -> Collection:
        async with App(Settings.load(home)) as instance:
            async with instance.db.transaction(system(), read_only=True) as tx:
                collection = (await service.agent(tx, slug)).qdrant_collection
            with bar(slug) as tell:
                return await indexer.reindex(instance, collection, tell, force=force)

    built = run(work())
    if json:
        emit({"agent": slug, **asdict(built)})
    else:
        say(f"{slug}: generation {built.generation} of {built.name}, by {built.embedder}, answers now")
