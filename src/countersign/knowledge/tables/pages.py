"""Pages of users' tables: the list, a data grid, a row, the columns, and how a row reads to the index."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from ...kernel.database import Tx
from ...kernel.errors import CountersignError
from ...kernel.lists import PER_PAGE, Offset, Words
from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who
from . import rows, service
from .api import Name, Number
from .export import export
from .faults import BadValue, Missing, NoReference, NotUnique
from .forms import Line, column_of, read_lines, read_row, texts
from .models import OPERATORS, TYPES, BadValues, Filter, Table

routes = Router(include_in_schema=False)

Short = Annotated[Clean, Query(max_length=64)]


@routes.on("GET /records/tables", permission="tables.view")
async def list_tables(request: Request, app: House, caller: Who) -> Response:
    """Every table, with its counts."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.tables(tx)
    return page(request, "tables/list.html", tables=found)


@routes.on("GET /records/tables/new", permission="tables.manage")
async def ask_table(request: Request, app: House, caller: Who) -> Response:
    """The form of a new table."""
    async with app.db.transaction(caller, read_only=True) as tx:
        known = await _references(tx)
    return page(request, "tables/new.html", **_form([Line()] * 4, known))


@routes.on("POST /records/tables/new", permission="tables.manage")
async def create_table(request: Request, app: House, caller: Who) -> Response:
    """Creates the table, or shows the form again with more lines or with what is wrong."""
    form = await request.form()
    lines = read_lines(form)
    told = {key: str(form.get(key, "")) for key in ("name", "description", "text")}
    error: CountersignError | None = None
    if form.get("action") == "more":
        lines += [Line()] * 4
    else:
        try:
            definition = {"columns": [column_of(line) for line in lines if line.name.strip()]}
            async with app.db.transaction(caller) as tx:
                made = await service.create(
                    tx, told["name"].strip(), definition, description=told["description"], template=told["text"]
                )
            return RedirectResponse(f"/records/tables/{made.name}", 303)
        except CountersignError as refused:
            error = refused
    async with app.db.transaction(caller, read_only=True) as tx:
        known = await _references(tx)
    status = error.status if error else 200
    return page(request, "tables/new.html", status=status, error=error, **_form(lines, known), **told)


@routes.on("GET /records/tables/{name}", permission="tables.view")
async def read_table(
    request: Request,
    app: House,
    caller: Who,
    name: Name,
    q: Words = None,
    column: Short = "",
    op: Short = "",
    value: Annotated[Clean, Query(max_length=500)] = "",
    sort: Short = "id",
    offset: Offset = 0,
) -> Response:
    """The data grid; words and one condition narrow it, a heading sorts it."""
    filters = _filters(column, op, value)
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
        found = await rows.rows(tx, of, filters=filters, q=q, sort=sort, limit=PER_PAGE, offset=offset)
        total = await rows.count(tx, of, filters=filters, q=q)
    chosen: dict[str, Any] = {"q": q or "", "column": column, "op": op, "value": value, "sort": sort, "offset": offset}
    return page(
        request,
        "tables/one.html",
        of=of,
        tab="rows",
        found=found,
        shown={row["id"]: texts(of, row) for row in found},
        total=total,
        limit=PER_PAGE,
        operators=OPERATORS,
        **chosen,
    )


@routes.on("GET /records/tables/{name}/rows.csv", permission="tables.view")
async def export_rows(
    app: House,
    caller: Who,
    name: Name,
    q: Words = None,
    column: Short = "",
    op: Short = "",
    value: Annotated[Clean, Query(max_length=500)] = "",
) -> Response:
    """The rows that the grid shows, as a file that spreadsheets open."""
    filters = _filters(column, op, value)
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
        await rows.count(tx, of, filters=filters, q=q)
    return export(app, caller, of, filters, q)


@routes.on("POST /records/tables/{name}/delete", permission="tables.manage")
async def delete_table(
    request: Request, app: House, caller: Who, name: Name, confirm: Annotated[Clean, Form(max_length=63)] = ""
) -> Response:
    """Deletes the table when its name was typed; says why not otherwise."""
    try:
        async with app.db.transaction(caller) as tx:
            await service.drop(tx, name, confirm=confirm.strip())
        return RedirectResponse("/records/tables", 303)
    except CountersignError as error:
        async with app.db.transaction(caller, read_only=True) as tx:
            of = await service.table(tx, name)
            known = await _references(tx)
        form = _form([Line()], known)
        return page(request, "tables/schema.html", status=error.status, of=of, tab="schema", error=error, **form)


# -- one row


@routes.on("GET /records/tables/{name}/rows/new", permission="tables.manage")
async def ask_row(request: Request, app: House, caller: Who, name: Name) -> Response:
    """The form of a new row."""
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
    values = {column.name: column.default for column in of.columns}
    return page(request, "tables/row.html", of=of, row=None, values=texts(of, values), errors={})


@routes.on("POST /records/tables/{name}/rows/new", permission="tables.manage")
async def create_row(request: Request, app: House, caller: Who, name: Name) -> Response:
    """Adds the row, or says at each field what is wrong."""
    form = await request.form()
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
    values = read_row(of, form)
    try:
        async with app.db.transaction(caller) as tx:
            await rows.add(tx, of, values)
    except CountersignError as error:
        return _refused(request, of, None, values, error)
    return RedirectResponse(f"/records/tables/{of.name}?sort=-id", 303)


@routes.on("GET /records/tables/{name}/rows/{number}", permission="tables.view")
async def ask_change(request: Request, app: House, caller: Who, name: Name, number: Number) -> Response:
    """One row, ready to be changed by whoever may."""
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
        row = await rows.row(tx, of, number)
    return page(request, "tables/row.html", of=of, row=row, values=texts(of, row), errors={}, etag=rows.etag(row))


@routes.on("POST /records/tables/{name}/rows/{number}", permission="tables.manage")
async def change_row(request: Request, app: House, caller: Who, name: Name, number: Number) -> Response:
    """Changes or deletes the row."""
    form = await request.form()
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
        row = await rows.row(tx, of, number)
    values = read_row(of, form)
    try:
        async with app.db.transaction(caller) as tx:
            if form.get("action") == "delete":
                await rows.delete(tx, of, number)
            else:
                await rows.update(tx, of, number, values, seen=str(form.get("etag", "")))
    except CountersignError as error:
        return _refused(request, of, row, values, error)
    return RedirectResponse(f"/records/tables/{of.name}", 303)


# -- columns and template


@routes.on("GET /records/tables/{name}/schema", permission="tables.view")
async def read_schema(request: Request, app: House, caller: Who, name: Name) -> Response:
    """The columns, and what can be changed about them."""
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
        known = await _references(tx)
    return page(request, "tables/schema.html", of=of, tab="schema", **_form([Line()], known))


@routes.on("POST /records/tables/{name}/schema", permission="tables.manage")
async def change_schema(request: Request, app: House, caller: Who, name: Name) -> Response:
    """Adds, renames or drops a column; dropping needs its name typed."""
    form = await request.form()
    column, lines = str(form.get("column", "")), read_lines(form) or [Line()]
    try:
        async with app.db.transaction(caller) as tx:
            if form.get("action") == "add":
                await service.add_column(tx, name, column_of(lines[0]))
            elif form.get("action") == "rename":
                await service.rename_column(tx, name, column, str(form.get("to", "")).strip())
            else:
                await service.drop_column(tx, name, column, confirm=str(form.get("confirm", "")).strip())
        return RedirectResponse(f"/records/tables/{name}/schema", 303)
    except CountersignError as error:
        async with app.db.transaction(caller, read_only=True) as tx:
            of = await service.table(tx, name)
            known = await _references(tx)
        form_data = _form(lines[:1], known)
        return page(request, "tables/schema.html", status=error.status, of=of, tab="schema", error=error, **form_data)


@routes.on("GET /records/tables/{name}/template", permission="tables.view")
async def read_template(request: Request, app: House, caller: Who, name: Name) -> Response:
    """How a row reads to the index, shown on a real row."""
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
        shown = await service.preview(tx, name, of.embedding_template)
    data: dict[str, Any] = {"text": of.embedding_template or "", "description": of.description or ""}
    return page(request, "tables/template.html", of=of, tab="template", preview=shown, **data)


@routes.on("POST /records/tables/{name}/template", permission="tables.manage")
async def change_template(
    request: Request,
    app: House,
    caller: Who,
    name: Name,
    text: Annotated[Clean, Form(max_length=10_000)] = "",
    description: Annotated[Clean, Form(max_length=2_000)] = "",
    action: Annotated[str, Form()] = "preview",
) -> Response:
    """Shows a row by the template, or saves it."""
    error, shown = None, None
    try:
        async with app.db.transaction(caller) as tx:
            if action == "save":
                await service.describe(tx, name, description=description, template=text)
            shown = await service.preview(tx, name, text)
    except CountersignError as refused:
        error = refused
    async with app.db.transaction(caller, read_only=True) as tx:
        of = await service.table(tx, name)
    data: dict[str, Any] = {"text": text, "description": description, "saved": action == "save" and not error}
    status = error.status if error else 200
    return page(
        request, "tables/template.html", status=status, of=of, tab="template", preview=shown, error=error, **data
    )


def _filters(column: str, op: str, value: str) -> list[Filter]:
    """The grid's one condition; none without a column, or without the value that it needs."""
    if not column or not op or (not value and op not in ("empty", "filled")):
        return []
    return [Filter(column, op, value)]


def _form(lines: list[Line], known: list[str]) -> dict[str, Any]:
    return {"lines": lines, "types": TYPES, "references": known}


async def _references(tx: Tx) -> list[str]:
    return ["ouvrages", *(each.name for each in await service.tables(tx))]


def _refused(request: Request, of: Table, row: Any, values: dict[str, Any], error: CountersignError) -> Response:
    errors = dict(error.faults) if isinstance(error, BadValues) else _of_database(error)
    etag = rows.etag(row) if row else ""
    return page(
        request,
        "tables/row.html",
        status=error.status,
        of=of,
        row=row,
        values=texts(of, {**(row or {}), **values}),
        errors=errors,
        error=error,
        etag=etag,
    )


_REASONS: dict[str, type[BadValue]] = {"not-unique": NotUnique, "no-such-row": NoReference, "missing": Missing}


def _of_database(error: CountersignError) -> dict[str, BadValue]:
    """What the table itself refuses, at the columns that its message names."""
    kind = _REASONS.get(str(error.extra.get("reason")))
    named = re.search("“(.+?)”", error.detail)
    return {name: kind() for name in named[1].split(", ")} if kind and named else {}
