"""``countersign documents``: files that agents quote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .tools import Home, Json, emit, run, say

if TYPE_CHECKING:
    from ..kernel.access import Caller
    from ..kernel.app import App

app = typer.Typer(help="Bring in files that agents quote.", no_args_is_help=True)


@app.callback()
def documents() -> None:
    """Bring in files that agents quote."""


@app.command("import")
def bring(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders; a JSON file may hold an array.")],
    agent: Annotated[str, typer.Option(help="Slug of the agent that answers from them.")],
    home: Home = None,
    json: Json = False,
) -> None:
    """Read files into the collection of an agent. Safe to repeat: the same bytes are taken once."""
    import logging

    import structlog

    from ..kernel.access import system
    from ..kernel.app import App
    from ..kernel.settings import Settings
    from ..knowledge import jobs as _  # noqa: F401  (what reads files registers itself)
    from ..knowledge.documents import service
    from ..knowledge.documents.models import NoFile
    from .index import bar

    async def work() -> list[Outcome]:
        files = _files(paths)
        if not files:
            raise NoFile("There is no file of a kind that can be read at these paths.")
        done: list[Outcome] = []
        async with App(Settings.load(home)) as instance:
            caller = system()
            async with instance.db.transaction(caller, read_only=True) as tx:
                collection = await service.collection_of(tx, agent)
            with bar("documents") as tell:
                for number, (file, source) in enumerate(files, start=1):
                    done.append(await _bring(instance, caller, collection, file, source))
                    await tell(number, len(files), "files")
        return done

    # Standard output is the result, and what a job would log of a bad file is said below in one line.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    done = run(work())
    if json:
        emit([{"file": d.file, "status": d.status, "duplicate": d.duplicate, "error": d.error} for d in done])
    else:
        for one in done:
            say(one.error or f"{one.file}: {'was there already' if one.duplicate else one.status}")
    if any(one.error for one in done):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    file: str
    status: str
    duplicate: bool
    error: str | None


def _files(paths: list[Path]) -> list[tuple[Path, str]]:
    """The files named, and in folders those of a kind that can be read, in order, each with its source."""
    from ..knowledge.documents.readers import KINDS

    found: list[tuple[Path, str]] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(f for f in path.rglob("*") if f.is_file() and f.suffix.lower() in KINDS)
            found += [(f, f.relative_to(path).as_posix()) for f in inside]
        else:
            found.append((path, path.name))
    return found


async def _bring(app: App, caller: Caller, collection: str, file: Path, source: str) -> Outcome:
    """Takes one file in and reads it here, unless a worker was faster; then waits for it."""
    import asyncio

    from ..kernel import jobs
    from ..kernel.errors import CountersignError
    from ..knowledge.documents import service, uploads

    try:
        with file.open("rb") as opened:
            async with app.db.transaction(caller) as tx:
                taken = await uploads.take(tx, collection, file.name, opened, source=source)
        if taken.status == "ready":
            return Outcome(str(file), "ready", True, None)
        if taken.job_id is not None:
            await jobs.work(app, taken.job_id)
        while True:
            async with app.db.transaction(caller, read_only=True) as tx:
                found = await service.document(tx, taken.uuid)
            if found.status in ("ready", "failed"):
                return Outcome(str(file), found.status, False, found.error)
            await asyncio.sleep(0.3)
    except CountersignError as error:
        return Outcome(str(file), "failed", False, error.detail)
    except OSError as error:
        return Outcome(str(file), "failed", False, f"{file}: {error.strerror}.")
