"""``countersign doctor``: what is configured, reachable, missing, and what to do about it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from .tools import Home, Json, emit, run

if TYPE_CHECKING:
    from ..stack.checks import Check

app = typer.Typer()
MARKS = {"ok": "[green]✓[/green]", "warn": "[yellow]![/yellow]", "fail": "[red]✗[/red]"}


@app.command()
def doctor(home: Home = None, json: Json = False) -> None:
    """Check everything that the product needs, with the fix for each fault; exit code 1 when it cannot serve."""

    async def work() -> list[Check]:
        from ..kernel.settings import Settings
        from ..stack.doctor import examine

        return await examine(Settings.load(home))

    found = run(work())
    if json:
        emit([asdict(check) for check in found])
    elif not sys.stdout.isatty():
        for check in found:
            typer.echo("\t".join((check.state, check.name, check.found, check.fix)))
    else:
        show(found)
    if any(check.state == "fail" for check in found):
        raise typer.Exit(1)


def show(found: list[Check]) -> None:
    """The table for people, the fix under what it mends."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=None, show_header=False, padding=(0, 1))
    for check in found:
        fix = f"\n[dim]→ {escape(check.fix)}[/dim]" if check.fix else ""
        shown.add_row(MARKS[check.state], check.name, escape(check.found) + fix)
    Console().print(shown)
