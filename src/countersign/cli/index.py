"""``countersign index`` (and ``countersign qdrant``): the collections in which records are searched."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .tools import Home, Json, emit, run, say, table

if TYPE_CHECKING:
    from rich.progress import TaskID

    from ..index.models import Collection, CollectionStats
    from ..index.run import Progress

app = typer.Typer(help="Create, show and rebuild the collections in which records are searched.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Collections; without any, those of the agents.")]


@app.command()
def init(names: Names = None, home: Home = None, json: Json = False) -> None:
    """Create the collections that the agents name, for the present embedder. Safe to repeat."""
    from ..index import generations
    from ..kernel.access import system
    from ..kernel.app import App
    from ..kernel.settings import Settings
    from ..knowledge.agents import service as agents
    from ..providers.embedders import embedder

    async def work() -> list[Collection]:
        async with App(Settings.load(home)) as instance:
            model = await embedder(instance)
            async with instance.db.transaction(system(), read_only=True) as tx:
                wanted = names or sorted({agent.qdrant_collection for agent in await agents.agents(tx)})
            return [await generations.ensure(instance, name, model) for name in wanted]

    ready = run(work())
    if json:
        emit([asdict(each) for each in ready])
        return
    for each in ready:
        say(f"{each.name}: ready, {each.dimensions} dimensions of {each.embedder} in {each.backend}")
    if not ready:
        say("No agent names a collection yet. Create an agent, or load the demonstration with `countersign up --demo`.")


@app.command()
def stats(home: Home = None, json: Json = False) -> None:
    """Show what each collection holds, what waits for the indexer, and what failed."""
    from ..index import service
    from ..kernel.access import system
    from ..kernel.app import App
    from ..kernel.settings import Settings

    async def work() -> list[CollectionStats]:
        async with App(Settings.load(home)) as instance, instance.db.transaction(system(), read_only=True) as tx:
            return await service.stats(tx, instance)

    found = run(work())
    if json:
        emit([asdict(each) for each in found])
        return
    titles = (
        "Collection",
        "Kinds",
        "Entries",
        "Points",
        "Waiting",
        "Failed",
        "Backend",
        "Embedder",
        "Dimensions",
        "Indexed",
    )
    table(
        titles,
        [
            (
                s.collection,
                s.kinds,
                s.entries,
                s.points,
                s.stale,
                s.failed,
                s.backend,
                s.embedder,
                s.dimensions,
                s.last_indexed,
            )
            for s in found
        ],
    )
    for each in found:
        if each.error:
            say(f"{each.collection}: {each.error}")


@app.command()
def reindex(
    name: Annotated[str, typer.Argument(help="The collection.")], home: Home = None, json: Json = False
) -> None:
    """Rebuild a collection beside the one that answers, with the present embedder, then let the new one answer."""
    from ..index import indexer
    from ..kernel.app import App
    from ..kernel.settings import Settings
    from ..knowledge import jobs as _  # noqa: F401  (the kinds of entries register themselves)

    async def work() -> Collection:
        async with App(Settings.load(home)) as instance:
            with bar(name) as tell:
                return await indexer.reindex(instance, name, tell)

    built = run(work())
    if json:
        emit(asdict(built))
    else:
        say(f"{built.name}: generation {built.generation} of {built.embedder} answers now")


@contextmanager
def bar(title: str) -> Iterator[Progress]:
    """A progress bar on a terminal, a line for every tenth in a pipe."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    if not sys.stderr.isatty():
        tenths: set[tuple[str | None, int]] = set()

        async def line(done: int, total: int | None, note: str | None) -> None:
            tenth = (note, 10 * done // max(total or 1, 1))
            if tenth not in tenths:
                tenths.add(tenth)
                say(f"{title}: {done} of {total} {note}")

        yield line
        return
    with Bars(console=Console(stderr=True)) as bars:
        tasks: dict[str | None, TaskID] = {}

        async def move(done: int, total: int | None, note: str | None) -> None:
            task = tasks[note] if note in tasks else bars.add_task(f"{title}, {note}")
            tasks[note] = task
            bars.update(task, completed=done, total=total)

        yield move
