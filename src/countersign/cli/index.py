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

    from ..index.models import Collection, CollectionStats, FailedEntry, Work
    from ..index.run import Progress

app = typer.Typer(help="Create, show and rebuild the collections in which records are searched.", no_args_is_help=True)

LEARNED = "learned_responses"
MOST = 50  # failed entries that are told
Names = Annotated[list[str] | None, typer.Argument(help="Collections; without any, those of the agents.")]


@app.command()
def init(names: Names = None, home: Home = None, json: Json = False) -> None:
    """Create the collections that the agents name, and that of learned answers, for the present embedder."""
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
                wanted = names or sorted({LEARNED, *(agent.qdrant_collection for agent in await agents.agents(tx))})
            return [await generations.ensure(instance, name, model) for name in wanted]

    ready = run(work())
    if json:
        emit([asdict(each) for each in ready])
        return
    for each in ready:
        say(f"{each.name}: ready, {each.dimensions} dimensions of {each.embedder} in {each.backend}")
    if not names and len(ready) == 1:
        say("No agent names a collection yet. Create an agent, or load the demonstration with `countersign up --demo`.")


@app.command()
def stats(home: Home = None, json: Json = False) -> None:
    """Show what each collection holds, what waits for the indexer, what it does now, and what failed and why."""
    from ..index import service
    from ..kernel.access import system
    from ..kernel.app import App
    from ..kernel.settings import Settings

    async def work() -> tuple[list[CollectionStats], dict[str, Work], list[FailedEntry]]:
        async with App(Settings.load(home)) as instance, instance.db.transaction(system(), read_only=True) as tx:
            return await service.stats(tx, instance), await service.work(tx), await service.failures(tx, most=MOST)

    found, doing, failed = run(work())
    if json:
        mine = {s.collection: [asdict(f) for f in failed if f.collection == s.collection] for s in found}
        emit([{**asdict(s), "work": doing.get(s.collection), "failures": mine[s.collection]} for s in found])
        return
    facts = ("collection", "kinds", "entries", "points", "stale", "failed")
    facts += ("backend", "embedder", "dimensions", "generation", "last_indexed")
    titles = [{"stale": "Waiting", "last_indexed": "Indexed"}.get(fact, fact.title()) for fact in facts]
    table(titles, [[getattr(one, fact) for fact in facts] for one in found])
    for name, one in doing.items():
        if one.status == "running" and one.total:
            say(f"{name}: {one.done or 0} of {one.total} {one.note or ''}")
        elif one.error and one.status in ("queued", "failed"):
            say(f"{name}: {one.error}{' (tried again by itself)' if one.status == 'queued' else ''}")
    for entry in failed:
        named = entry.title or entry.code or f"{entry.kind} {entry.source_id}"
        say(f"{entry.collection}: {named}: {entry.error} (tries: {entry.attempts})")


@app.command()
def retry(names: Names = None, home: Home = None, json: Json = False) -> None:
    """Try again at once what could not be indexed, in the collections named or in all of them."""
    from ..index import service
    from ..kernel.access import system
    from ..kernel.app import App
    from ..kernel.settings import Settings
    from ..knowledge import jobs as _  # noqa: F401  (the indexer's job registers itself)

    async def work() -> dict[str, int]:
        async with App(Settings.load(home)) as instance, instance.db.transaction(system()) as tx:
            wanted = names or [s.collection for s in await service.stats(tx, instance) if s.errors]
            for name in wanted:
                await service.known(tx, instance, name)
            return {name: await service.retry(tx, name) for name in wanted}

    tried = run(work())
    if json:
        emit(tried)
        return
    for name, entries in tried.items():
        say(f"{name}: {entries} entries are tried again")
    if not tried:
        say("Nothing failed.")


@app.command()
def reindex(
    name: Annotated[str, typer.Argument(help="The collection.")],
    force: Annotated[bool, typer.Option("--force", help="Swap even if validated questions find less.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Rebuild a collection beside the one that answers, with the present embedder, then let the new one answer."""
    from ..index import indexer
    from ..kernel.app import App
    from ..kernel.settings import Settings
    from ..knowledge import jobs as _  # noqa: F401  (the kinds of entries register themselves)

    async def work() -> Collection:
        async with App(Settings.load(home)) as instance:
            with bar(name) as tell:
                return await indexer.reindex(instance, name, tell, force=force)

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
