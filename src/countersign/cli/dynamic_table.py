"""``countersign dynamic-table``: tables of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .tools import Home, Json, emit, run, say, transaction

if TYPE_CHECKING:
    from ..knowledge.tables.models import Table

app = typer.Typer(help="Create tables of your own, with columns of your own.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Create tables of your own, with columns of your own."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the table: small letters, digits and _.")],
    schema: Annotated[Path, typer.Option(help="JSON file with “columns”.", exists=True, dir_okay=False, readable=True)],
    description: Annotated[str | None, typer.Option(help="What the table holds.")] = None,
    template: Annotated[str | None, typer.Option(help="How a row reads to the index: {{column}}.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Create a table from its definition: {"columns": [{"name": "code", "type": "string(50)", "unique": true}]}."""
    from ..kernel.errors import Invalid
    from ..kernel.json import loads
    from ..knowledge.tables import service

    async def work() -> Table:
        try:
            definition: Any = loads(schema.read_bytes())
        except ValueError as error:
            raise Invalid(f"{schema.name} is not JSON: {error}.") from error
        async with transaction(home, "dynamic-table create") as tx:
            return await service.create(tx, name, definition, description=description, template=template)

    made = run(work())
    if json:
        emit({"name": made.name, "schema_definition": made.schema_definition, "collection": made.qdrant_collection})
        return
    say(f"{made.name}: {len(made.columns)} columns. Rows come by `countersign import`, the API, or /records/tables.")
