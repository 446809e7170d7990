"""The command ``countersign``: each file here is one command or one group, imported when it is asked for.

A new command is a new file: it defines ``app = typer.Typer(…)`` and its commands, and imports at the top only what is
light (``typer``, ``.tools``); the rest inside its functions, so that ``countersign --help`` answers at once. A file
with one ``@app.command()`` is the command of that name; one with several, or with ``@app.callback()``, is a group.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command as build

FIRST = ("up", "status", "doctor", "migrate")  # what a newcomer needs, in that order
PLAIN = None  # help pages of Rich cost a third of a second, every time
NOT_COMMANDS = {"tools", "progress", "--main--"}


class Commands(TyperGroup):
    """Finds commands by the files beside this one."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands: the first steps first, then the alphabet."""
        names = {module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__)} - NOT_COMMANDS
        return [name for name in FIRST if name in names] + sorted(names - set(FIRST))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of the file *cmd_name*; None when there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        module.app.rich_markup_mode = PLAIN
        command = build(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Commands,
    help="AI agents at work, a human's signature on what they do.",
    no_args_is_help=True,
    rich_markup_mode=PLAIN,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main() -> None:
    """AI agents at work, a human's signature on what they do."""
