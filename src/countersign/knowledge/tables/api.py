"""JSON routes of users' tables: the tables, their columns, their rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Header, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from ...kernel.database import Row
from ...kernel.idempotency import Key, once
from ...kernel.json import dumps
from ...kernel.lists import After, Limit, Words
from ...kernel.web import Clean, House, Router, Who
from . import rows, service
from .export import export
from .models import OPERATORS, Filter, NotAFilter, Table, shown

routes = Router(prefix="/api/v1", tags=["dynamic-tables"])

Name = Annotated[Clean, Path(max_length=63)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Conditions = Annotated[list[Clean], Query(alias="filter", max_length=20)]
Template = Annotated[Clean, Field(max_length=10_000)]
Seen = Annotated[str | None, Header(alias="If-Match", max_length=100)]
Description = Annotated[Clean, Field(max_length=2_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewTableBody(_Body):
    """A table: its name, its columns, how a row reads to the index."""

    name: Annotated[Clean, Field(max_length=63)]
    schema_definition: dict[str, Any]
    description: Description | None = None
    embedding_template: Template | None = None


class TableBody(_Body):
    """What is absent stays; an empty template takes the table out of the search."""

    description: Description | None = None
    embedding_template: Template | None = None


class RenameBody(_Body):
    """The new name of a column."""

    name: Annotated[Clean, Field(max_length=63)]


class PreviewBody(_Body):
    """A template to try on a row: the first, or the one named."""

    embedding_template: Template
    row: int | None = Field(None, ge=1, le=2**63 - 1)


@routes.on("GET /dynamic-tables", permission="tables.view")
async def list_tables(app: House, caller: Who) -> Response:
    """Tables that this organisation defined, by name."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply({"items": [_shown(t) for t in await service.tables(tx)]})


@routes.on("POST /dynamic-tables", permission="tables.manage", status_code=201)
async def create_table(app: House, caller: Who, body: NewTableBody, key: Key = None) -> Response:
    """A new table with its columns; the same ``Idempotency-Key`` within a day makes it once."""
    async with app.db.transaction(caller) as tx:
        seen = await once(tx, "dynamic_table", key, body.model_dump())
        if seen.made is not None:
            return _table(await service.table_by_id(tx, seen.made), 201)
        made = await service.create(
            tx,
            body.name,
            body.schema_definition,
            description=body.description,
            template=body.embedding_template,
            tags=seen.tags,
        )
    return _table(made, 201)


@routes.on("GET /dynamic-tables/{name}", permission="tables.view")
async def read_table(app: House, caller: Who, name: Name) -> Response:
    """One table: its definition, how many rows it has and how many are indexed; its ``ETag`` serves for changes."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _table(await service.table(tx, name))


@routes.on("PATCH /dynamic-tables/{name}", permission="tables.manage")
async def update_table(app: House, caller: Who, name: Name, body: TableBody, if_match: Seen = None) -> Response:
    """Changes description or template; with a new template every row is indexed again."""
    async with app.db.transaction(caller) as tx:
        old = await service.table(tx, name)
        given = {"description": old.description, "template": old.embedding_template}
        if "description" in body.model_fields_set:
            given["description"] = body.description
        if "embedding_template" in body.model_fields_set:
            given["template"] = body.embedding_template
        await service.describe(tx, name, **given, seen=if_match)
        return _table(await service.table(tx, name))


@routes.on("DELETE /dynamic-tables/{name}", permission="tables.manage", status_code=204)
async def delete_table(
    app: House, caller: Who, name: Name, confirm: Annotated[Clean, Query(max_length=63)] = ""
) -> Response:
    """Deletes a table with all its rows for good; *confirm* repeats its name."""
    async with app.db.transaction(caller) as tx:
        await service.drop(tx, name, confirm=confirm)
    return Response(status_code=204)


@routes.on("POST /dynamic-tables/{name}/columns", permission="tables.manage", status_code=201)
async def add_column(
    app: House, caller: Who, name: Name, body: dict[str, Any], key: Key = None, if_match: Seen = None
) -> Response:
    """Adds a column, written as in a definition; the same ``Idempotency-Key`` within a day adds it once."""
    async with app.db.transaction(caller) as tx:
        seen = await once(tx, "dynamic_table", key, [name, body])
        if seen.made is None:
            await service.add_column(tx, name, body, seen=if_match, tags=seen.tags)
        return _table(await service.table(tx, name), 201)


@routes.on("PATCH /dynamic-tables/{name}/columns/{column}", permission="tables.manage")
async def rename_column(
    app: House, caller: Who, name: Name, column: Name, body: RenameBody, if_match: Seen = None
) -> Response:
    """Renames a column, in the template too."""
    async with app.db.transaction(caller) as tx:
        await service.rename_column(tx, name, column, body.name, seen=if_match)
        return _table(await service.table(tx, name))


@routes.on("DELETE /dynamic-tables/{name}/columns/{column}", permission="tables.manage")
async def drop_column(
    app: House,
    caller: Who,
    name: Name,
    column: Name,
    confirm: Annotated[Clean, Query(max_length=63)] = "",
    if_match: Seen = None,
) -> Response:
    """Drops a column and what it holds; *confirm* repeats its name."""
    async with app.db.transaction(caller) as tx:
        await service.drop_column(tx, name, column, confirm=confirm, seen=if_match)
        return _table(await service.table(tx, name))


@routes.on("POST /dynamic-tables/{name}/preview", permission="tables.view")
async def preview(app: House, caller: Who, name: Name, body: PreviewBody) -> Response:
    """How a real row reads by a template, before it is saved; null when there is no row."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply({"content": await service.preview(tx, name, body.embedding_template, body.row)})


# -- rows


@routes.on("GET /dynamic-tables/{name}/rows", permission="tables.view")
async def list_rows(
    app: House,
    caller: Who,
    name: Name,
    conditions: Conditions = [],  # noqa: B006  (FastAPI copies it)
    q: Words = None,
    sort: Annotated[Clean, Query(max_length=64)] = "id",
    after: After = None,
    limit: Limit = 50,
) -> Response:
    """Rows; ``filter=column:operator:value`` as often as needed, *sort* by a column, ``-`` before it for downwards."""
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
        filters = read_filters(conditions)
        found = await rows.rows(tx, of, filters=filters, q=q, sort=sort, limit=limit, after=after)
        total = await rows.count(tx, of, filters=filters, q=q)
    following = rows.cursor_at(found[-1], sort) if len(found) == limit else None
    return _reply({"items": found, "total": total, "next": following})


@routes.on("GET /dynamic-tables/{name}/rows.csv", permission="tables.view")
async def export_rows(
    app: House,
    caller: Who,
    name: Name,
    conditions: Conditions = [],  # noqa: B006  (FastAPI copies it)
    q: Words = None,
) -> Response:
    """The same rows as a file for spreadsheets; texts that look like formulas are made harmless."""
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
        filters = read_filters(conditions)
        await rows.count(tx, of, filters=filters, q=q)  # what is wrong with the filters is said before the file begins
    return export(app, caller, of, filters, q)


@routes.on("POST /dynamic-tables/{name}/rows", permission="tables.manage", status_code=201)
async def create_row(app: House, caller: Who, name: Name, body: dict[str, Any], key: Key = None) -> Response:
    """A new row: values by column; the same ``Idempotency-Key`` within a day makes it once."""
    async with app.db.transaction(caller) as tx:
        of = await service.table(tx, name)
        seen = await once(tx, of.name, key, [of.id, body])
        if seen.made is not None:
            return _row(await rows.row(tx, of, seen.made), 201)
        return _row(await rows.add(tx, of, body, tags=seen.tags), 201)


@routes.on("GET /dynamic-tables/{name}/rows/{number}", permission="tables.view")
async def read_row(app: House, caller: Who, name: Name, number: Number) -> Response:
    """One row; its ``ETag`` is what a change sends back as ``If-Match``."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _row(await rows.row(tx, await service.table(tx, name), number))


@routes.on("PATCH /dynamic-tables/{name}/rows/{number}", permission="tables.manage")
async def update_row(
    app: House,
    caller: Who,
    name: Name,
    number: Number,
    body: dict[str, Any],
    if_match: Seen = None,
) -> Response:
    """Changes the values named; refused when ``If-Match`` is not the row's present ``ETag``."""
    async with app.db.transaction(caller) as tx:
        of = await service.table(tx, name)
        return _row(await rows.update(tx, of, number, body, seen=if_match))


@routes.on("DELETE /dynamic-tables/{name}/rows/{number}", permission="tables.manage", status_code=204)
async def delete_row(app: House, caller: Who, name: Name, number: Number) -> Response:
    """Deletes a row: it answers no question from now on."""
    async with app.db.transaction(caller) as tx:
        await rows.delete(tx, await service.table(tx, name), number)
    return Response(status_code=204)


def read_filters(conditions: list[str]) -> list[Filter]:
    """``column:operator:value`` each. Raises ``NotAFilter``."""
    found: list[Filter] = []
    for condition in conditions:
        column, colon, rest = condition.partition(":")
        if not colon:
            raise NotAFilter(given=shown(condition), operators=", ".join(OPERATORS))
        op, _, value = rest.partition(":")
        found.append(Filter(column, op, value))
    return found


def _table(of: Table, status: int = 200) -> Response:
    return Response(dumps(_shown(of)), status, {"ETag": service.etag(of)}, media_type="application/json")


def _shown(of: Table) -> dict[str, Any]:
    """A table as the API shows it; its database id and its real table stay inside."""
    return {name: value for name, value in asdict(of).items() if name not in ("id", "table_name")}


def _row(found: Row, status: int = 200) -> Response:
    return Response(dumps(found), status, {"ETag": rows.etag(found)}, media_type="application/json")


def _reply(value: Any, status: int = 200) -> Response:
    return Response(dumps(value), status, media_type="application/json")
