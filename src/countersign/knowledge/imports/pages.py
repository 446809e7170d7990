"""Pages of imports: the list with its form for a file, the columns of a file, how far an import is and what it did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.database import Tx
from ...kernel.errors import Conflict, CountersignError
from ...kernel.json import dumps
from ...kernel.lists import PER_PAGE
from ...kernel.pages import page, speech
from ...kernel.web import Clean, House, Router, Who, wants_json
from ..tables import service as tables
from . import files, service
from .forms import base_of, chosen, lines, preview, sign
from .mapping import fitting, parse, reading, written
from .models import ENCODINGS, BadMapping, File, Mapping, UnreadableFile
from .reading import AS_IT_IS, ENDINGS
from .reasons import told as explained
from .records import Found
from .targets import Target

routes = Router(include_in_schema=False)

MAY = "ouvrages.import"
AT = "/records/imports"
ACCEPTED = ",".join(ENDINGS)
EXPLAINED = 10  # refused rows that the page itself shows
Before = Annotated[int | None, Query(ge=1, lt=2**63)]
Short = Annotated[Clean, Query(max_length=100)]


@routes.on(f"GET {AT}", permission=MAY)
async def list_imports(request: Request, app: House, caller: Who, before: Before = None) -> Response:
    """Imports and dry runs, the newest first."""
    return await _list(request, app, caller, before=before)


@routes.on(f"POST {AT}", permission=MAY, upload=True)
async def upload(request: Request, app: House, caller: Who) -> Response:
    """Takes a file in and leads to its columns; a file that cannot be read is refused with the reason."""
    try:
        form = await request.form(max_files=1)
        sent = form.get("file")
        if not isinstance(sent, UploadFile) or not sent.filename:
            raise UnreadableFile("No file was sent: choose one.")
        file = await files.keep(app, caller, sent.filename, sent.file)
    except UnreadableFile as error:
        if wants_json(request):
            # The script of the page shows it as it comes.
            raise UnreadableFile(explained(error.detail, speech(request, caller.locale))) from error
        return await _list(request, app, caller, error=error)
    at = f"{AT}/files/{file.uuid}"
    if wants_json(request):
        return JSONResponse({"items": [{"source": file.name, "duplicate": False, "at": at}]}, 201)
    return RedirectResponse(at, 303)


@routes.on(f"GET {AT}/files/{{uuid}}", permission=MAY)
async def read_file(
    request: Request,
    app: House,
    caller: Who,
    uuid: UUID,
    mapping: Short = "",
    like: Before = None,
    table: Short = service.OUVRAGES,
    encoding: Short = "",
    separator: Short = "",
    sheet: Short = "",
) -> Response:
    """The columns of a file with what is proposed for them, a saved *mapping*, or that of the import *like*.

    They are read anew when somebody says how the file is written, or into which table it goes.
    """
    told = reading({"encoding": encoding, "separator": separator, "sheet": sheet})
    async with app.db.transaction(caller, read_only=True) as tx:
        file, into = await files.by_uuid(tx, uuid), await _into(tx, caller, table)
        before = await _before(tx, mapping, like, into)
    error: CountersignError | None = before if isinstance(before, BadMapping) else None
    plan = before if isinstance(before, Mapping) else None
    told = plan.read if plan and told == AS_IT_IS else told
    try:
        found = await files.first_rows(app, caller, file, told)
    except UnreadableFile as wrong:
        if told == AS_IT_IS:
            raise
        error, told, found = wrong, AS_IT_IS, await files.first_rows(app, caller, file)
    if plan is None:
        async with app.db.transaction(caller, read_only=True) as tx:
            plan, fault = await _proposed(tx, found, into)
        error = error or fault
    plan = replace(plan, read=told)
    return await _columns(request, app, caller, file, found, plan, into, error=error, named=mapping)


@routes.on(f"POST {AT}/files/{{uuid}}", permission=MAY)
async def answer_columns(request: Request, app: House, caller: Who, uuid: UUID) -> Response:
    """Keeps the mapping, tries it, imports by it, or shows what the first rows become by it."""
    form = await request.form()
    action, name = str(form.get("action") or ""), str(form.get("name") or "").strip()
    async with app.db.transaction(caller, read_only=True) as tx:
        file, into = await files.by_uuid(tx, uuid), await _into(tx, caller, str(form.get("table") or service.OUVRAGES))
    base = base_of(str(form.get("base") or ""), into)
    found = await files.first_rows(app, caller, file, base.read)
    plan, error = chosen(form, found, base, into)
    if action == "save" and error is None and not 0 < len(name) <= 100:
        error = BadMapping("Give the mapping a name of at most 100 characters.", unnamed=True)
    if error is None and action in ("try", "import"):
        async with app.db.transaction(caller) as tx:
            import_id = await service.begin(tx, file, plan, table=into.name, dry_run=action == "try")
        return RedirectResponse(f"{AT}/{import_id}", 303)
    kept = ""
    if error is None and action == "save":
        async with app.db.transaction(caller) as tx:
            kept = (await service.save_mapping(tx, name, plan, found.names, into.name)).name
    piece = request.headers.get("hx-request") == "true"
    status = 422 if error and not piece else 200
    return await _columns(
        request, app, caller, file, found, plan, into, error=error, named=name, kept=kept, status=status
    )


@routes.on(f"GET {AT}/{{import_id}}", permission=MAY)
async def read_import(request: Request, app: House, caller: Who, import_id: int) -> Response:
    """How far it is; then what it did, or what it would do, and why rows were refused."""
    return await _one(request, app, caller, import_id)


@routes.on(f"POST {AT}/{{import_id}}/run", permission=MAY)
async def run_dry(request: Request, app: House, caller: Who, import_id: int) -> Response:
    """Does what a dry run described, with the same file and mapping."""
    return await _asked(request, app, caller, import_id, service.run_dry)


@routes.on(f"POST {AT}/{{import_id}}/cancel", permission=MAY)
async def cancel(request: Request, app: House, caller: Who, import_id: int) -> Response:
    """Ends an import that is going on; nothing of it stays."""
    return await _asked(request, app, caller, import_id, service.cancel)


@routes.on(f"POST {AT}/{{import_id}}/undo", permission=MAY)
async def undo(request: Request, app: House, caller: Who, import_id: int) -> Response:
    """Takes the import back, or says why that is not possible any more."""
    return await _asked(request, app, caller, import_id, service.undo)


async def _asked(
    request: Request, app: App, caller: Caller, import_id: int, do: Callable[[Tx, int], Awaitable[int | None]]
) -> Response:
    """Does it, and leads to the import that this is about now; what is refused is said on the page itself."""
    try:
        async with app.db.transaction(caller) as tx:
            after = await do(tx, import_id)
    except Conflict as error:
        return await _one(request, app, caller, import_id, error=error)
    return RedirectResponse(f"{AT}/{after or import_id}", 303)


async def _list(
    request: Request, app: App, caller: Caller, *, before: int | None = None, error: CountersignError | None = None
) -> Response:
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.imports(tx, before=before, limit=PER_PAGE)
    return page(
        request,
        "imports/list.html",
        status=error.status if error else 200,
        found=found,
        before=before,
        following=found[-1].id if len(found) == PER_PAGE else None,
        working=any(one.going or one.undoing for one in found),
        accepted=ACCEPTED,
        wrong=explained(error.detail, speech(request, caller.locale)) if error else None,
    )


async def _into(tx: Tx, caller: Caller, table: str) -> Target:
    service.may_fill(caller, table)
    return await service.target(tx, table)


async def _before(tx: Tx, name: str, like: int | None, into: Target) -> Mapping | BadMapping | None:
    """The mapping that was asked for, or why it does not fit."""
    if not name and like is None:
        return None
    said = (await service.mapping_named(tx, name)).mapping if name else (await service.one(tx, like or 0)).mapping
    try:
        return parse(said, into)
    except BadMapping as error:
        return error


async def _proposed(tx: Tx, found: Found, into: Target) -> tuple[Mapping, CountersignError | None]:
    try:
        return await service.proposed(tx, found, into.name), None
    except BadMapping as error:
        # What the names do tell is shown; what they do not is chosen on the page.
        columns = fitting(found.names, into, found.sample)
        return Mapping(columns, key=into.key), error


async def _columns(
    request: Request,
    app: App,
    caller: Caller,
    file: File,
    found: Found,
    plan: Mapping,
    into: Target,
    *,
    error: CountersignError | None = None,
    named: str = "",
    kept: str = "",
    status: int = 200,
) -> Response:
    say = speech(request, caller.locale)
    async with app.db.transaction(caller, read_only=True) as tx:
        shown = await preview(tx, found, plan, into) if plan.columns else []
        saved = await service.mappings(tx, table=into.name)
        others = [each.name for each in await tables.tables(tx)] if caller.may("tables.manage") else []
    return page(
        request,
        "imports/columns.html",
        status=status,
        file=file,
        found=found,
        lines=lines(found, plan),
        into=into,
        others=others,
        encodings=list(ENCODINGS),
        seen=next((name for name, codec in ENCODINGS.items() if codec == found.encoding), ""),
        plan=plan,
        base=dumps(written(plan)),
        decimal=sign(plan),
        shown=[(row, explained(row.error, say) if row.error else None) for row in shown],
        wrong=explained(error.detail, say) if error else None,
        saved=saved,
        named=named,
        kept=kept,
        error=error,
        anew=request.method == "GET",
    )


async def _one(
    request: Request, app: App, caller: Caller, import_id: int, *, error: CountersignError | None = None
) -> Response:
    say = speech(request, caller.locale)
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.one(tx, import_id)
        file = await files.by_id(tx, one.file_id) if one.file_id is not None else None
        refused: list[Any] = []
        if one.failed_rows:
            for row in await service.refused(tx, import_id, limit=EXPLAINED):
                data = row["data"]
                # A JSON object has no order; the file has one.
                cells = [data[name] for name in (one.names or (file.names if file else data)) if data.get(name)]
                refused.append(({"row_number": row["row_number"], "cells": cells}, explained(row["error"], say)))
    return page(
        request,
        "imports/one.html",
        status=error.status if error else 200,
        one=one,
        file=file,
        report=one.report or {},
        refused=refused,
        failure=explained(one.first_error, say) if one.first_error else "",
        error=error,
    )
