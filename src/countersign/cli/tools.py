"""What commands share: finding the instance, one transaction, errors as one line, output for people or programs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from ..kernel.database import Tx

T = TypeVar("T")

Home = Annotated[
    Path | None, typer.Option("--home", help="Home of the instance (COUNTERSIGN_HOME).", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs *work*; an error of ours becomes one line on standard error and exit code 1, or the error's own."""
    from pydantic import ValidationError

    from ..kernel.errors import CountersignError

    try:
        return asyncio.run(work)
    except CountersignError as error:
        say(f"Error: {error.detail}")
        raise typer.Exit(getattr(error, "exit_code", 1)) from error
    except ValidationError as error:
        if error.title != "Settings":
            raise
        for fault in error.errors():
            say(f"Error: COUNTERSIGN_{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}.")
        raise typer.Exit(1) from error


@asynccontextmanager
async def transaction(home: Path | None, command: str, *, read_only: bool = False) -> AsyncIterator[Tx]:
    """One transaction in the default organisation, in the name of the operator of the machine."""
    from ..kernel.access import system
    from ..kernel.database import Database
    from ..kernel.settings import Settings

    operator = replace(system(), user_agent=f"countersign {command}")
    async with (
        Database(Settings.load(home).require_database(), pool_size=2) as db,
        db.transaction(operator, read_only=read_only) as tx,
    ):
        yield tx


def say(message: str) -> None:
    """A message for people: standard error, so that standard output stays the result."""
    typer.echo(message, err=True)


def emit(value: Any) -> None:
    """*value* as JSON on standard output."""
    from ..kernel.json import dumps

    typer.echo(dumps(value))


def table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows for people; plain tab-separated lines in a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(_plain(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(*titles)
    for row in rows:
        shown.add_row(*(_plain(cell) for cell in row))
    Console().print(shown)


def _plain(cell: object) -> str:
    if isinstance(cell, (list, tuple)):
        return ", ".join(str(part) for part in cell)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return "" if cell is None else str(cell)
