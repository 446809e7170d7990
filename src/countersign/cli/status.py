"""``countersign status``: what runs on this home, and where."""

from __future__ import annotations

from typing import Any

import typer

from .tools import Home, Json, emit, run, say, table

app = typer.Typer()
NOT_RUNNING = 3


@app.command()
def status(home: Home = None, json: Json = False) -> None:
    """Show the running instance: addresses, processes, memory. Exit code 3 when none runs on this home."""
    from ..kernel.settings import Settings
    from ..stack.home import Home as Place

    async def find() -> Place:
        return Place(home or Settings().home)

    place = run(find())
    running = place.running()
    if json:
        emit({"services": running.get("services", {}), **{k: running[k] for k in SHOWN if k in running}})
    elif running:
        show(running)
    if not running:
        say(f"No instance runs on {place.path}. Start one with `countersign up`.")
        raise typer.Exit(NOT_RUNNING)


SHOWN = ("version", "pid", "started_at", "processes")


def show(running: dict[str, Any]) -> None:
    """A line a service or process, with the memory it holds now."""
    from ..stack.checks_services import bare
    from ..stack.memory import resident

    processes: dict[str, int] = {"up": running["pid"], **running.get("processes", {})}
    services: dict[str, dict[str, str]] = running.get("services", {})
    names = [*processes, *(name for name in services if name not in processes)]
    rows = [
        (
            name,
            bare(services.get(name, {}).get("url", "")),
            processes.get(name, "elsewhere"),
            f"{resident(processes[name]) / 1e6:.0f} MB" if name in processes else "",
        )
        for name in names
    ]
    table(("Service", "Address", "Process", "Memory"), rows)
