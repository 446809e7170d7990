"""``countersign up``: start everything, and stop it with Ctrl-C."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .tools import Home, run, say

if TYPE_CHECKING:
    from ..stack.instance import Ready

app = typer.Typer()


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Load the demonstration: prices and two agents.")] = False,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the site (COUNTERSIGN_PORT, 8000); 0: any free one.")
    ] = None,
    home: Home = None,
) -> None:
    """Start PostgreSQL, Valkey, the models, the site and the workers; stop them with Ctrl-C.

    A service whose address is configured (COUNTERSIGN_DATABASE_URL, _REDIS_URL, _MODEL, _EMBEDDER) is not started.
    """
    from ..stack import instance
    from .progress import Progress

    with Progress() as progress:

        def ready(state: Ready) -> None:
            progress.done()
            welcome(state)

        run(instance.run(home, port, demo, tell=progress.tell, on_ready=ready))


def welcome(state: Ready) -> None:
    """The page's address on standard output; a password that was just made is shown this once."""
    if state.admin:
        email, password = state.admin
        known = f"password {password} (shown only now)" if password else "with the configured password"
        say(f"First administrator: {email}, {known}.")
    if state.demonstration and any(state.demonstration.values()):
        added = ", ".join(f"{count} {what}" for what, count in state.demonstration.items() if count)
        say(f"Demonstration: {added}. They are being indexed.")
    say("Countersign is ready. Stop it with Ctrl-C.")
    typer.echo(state.url)
    sys.stdout.flush()
