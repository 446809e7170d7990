"""JSON routes of imports: a file goes up, a job does the work, what was refused comes back as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.idempotency import Key, once
from ...kernel.json import dumps, loads
from ...kernel.pages import speech
from ...kernel.web import Clean, House, Router, Who
from . import files, service
from .mapping import parse, reading, signed, written
from .models import ENCODINGS, BadMapping, Mapping, UnreadableFile
from .reading import AS_IT_IS
from .reasons import Say, told
from .targets import Target

routes = Router(prefix="/api/v1", tags=["imports"])

MAY = "ouvrages.import"
RECOGNISED = "Recognised when left out."
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "mapping": {"type": "string", "description": "As JSON; without one it is proposed."},
                        "mapping_name": {"type": "string", "description": "A mapping that was saved."},
                        "table": {"type": "string", "description": "A table of one's own; ouvrages without it."},
                        "encoding": {"type": "string", "enum": list(ENCODINGS), "description": RECOGNISED},
                        "separator": {"type": "string", "enum": [",", ";", "tab", "|"], "description": RECOGNISED},
                        "decimal": {"type": "string", "enum": [",", "."], "description": RECOGNISED},
                        "sheet": {"type": "string", "description": "Of a workbook; the first without it."},
                    },
                }
            }
        },
    }
}


class NewMapping(BaseModel):
    """A mapping to keep under a name; *names* are the columns of the files that it is proposed for."""

    mapping: dict[str, Any]
    names: list[Clean] = Field(default=[], max_length=200)
    table: Clean = service.OUVRAGES


@routes.on("GET /imports", permission=MAY)
async def list_imports(
    app: House,
    caller: Who,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Imports and dry runs, newest first."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.imports(tx, before=before, limit=limit)
    return _reply({"items": found, "next": found[-1].id if len(found) == limit else None})


@routes.on("POST /imports", permission=MAY, status_code=202, upload=True, openapi_extra=FORM)
async def begin_import(request: Request, app: House, caller: Who, key: Key = None) -> Response:
    """Takes a file in and imports it in the background. Follow it by its `id`."""
    return await _begin(request, app, caller, key, dry_run=False)


@routes.on("POST /imports/dry-run", permission=MAY, status_code=202, upload=True, openapi_extra=FORM)
async def begin_dry_run(request: Request, app: House, caller: Who, key: Key = None) -> Response:
    """Takes a file in and says in the background what an import of it would do; `POST …/run` then does it."""
    return await _begin(request, app, caller, key, dry_run=True)


@routes.on("GET /imports/mappings", permission=MAY)
async def list_mappings(app: House, caller: Who) -> Response:
    """Mappings that were saved, the latest first."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply({"items": await service.mappings(tx), "next": None})


@routes.on("PUT /imports/mappings/{name}", permission=MAY)
async def save_mapping(app: House, caller: Who, name: Clean, given: NewMapping) -> Response:
    """Keeps a mapping under a name, in place of the one that had it."""
    if len(name) > 100:
        raise BadMapping("The name of a mapping has at most 100 characters.")
    service.may_fill(caller, given.table)
    async with app.db.transaction(caller) as tx:
        mapping = parse(given.mapping, await service.target(tx, given.table))
        return _reply(await service.save_mapping(tx, name, mapping, given.names, given.table))


@routes.on("DELETE /imports/mappings/{name}", permission=MAY, status_code=204)
async def drop_mapping(app: House, caller: Who, name: Clean) -> Response:
    """Forgets a mapping; imports that used it stay as they are."""
    async with app.db.transaction(caller) as tx:
        await service.drop_mapping(tx, name)
    return Response(status_code=204)


@routes.on("GET /imports/{import_id}", permission=MAY)
async def read_import(app: House, caller: Who, import_id: int) -> Response:
    """How far it is (rows, rows a second, seconds left), then what it did and why rows were refused."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.one(tx, import_id)
        return _reply({**asdict(found), "reasons": await service.reasons(tx, import_id)})


@routes.on("POST /imports/{import_id}/run", permission=MAY, status_code=202)
async def run_dry(app: House, caller: Who, import_id: int, key: Key = None) -> Response:
    """Does what a dry run described, with the same file and mapping."""
    async with app.db.transaction(caller) as tx:
        seen = await once(tx, "import", key, {"run": import_id})
        return await _begun(tx, seen.made or await service.run_dry(tx, import_id, tags=seen.tags))


@routes.on("POST /imports/{import_id}/cancel", permission=MAY, status_code=204)
async def cancel(app: House, caller: Who, import_id: int) -> Response:
    """Ends an import that is going on; nothing of it stays."""
    async with app.db.transaction(caller) as tx:
        await service.cancel(tx, import_id)
    return Response(status_code=204)


@routes.on("POST /imports/{import_id}/undo", permission=MAY, status_code=202)
async def undo(app: House, caller: Who, import_id: int) -> Response:
    """Takes back, in the background, what it added and restores what it changed.

    The import becomes `undone`; once any of its rows was edited or used it stays, and `report.kept` says how many were.
    """
    async with app.db.transaction(caller) as tx:
        await service.undo(tx, import_id)
        return await _begun(tx, import_id)


@routes.on("GET /imports/{import_id}/errors.csv", permission=MAY)
async def errors(request: Request, app: House, caller: Who, import_id: int) -> Response:
    """Every refused row with its reason in your language; corrected, the file can be sent again as it is."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.one(tx, import_id)
        names = found.names or ((await files.by_id(tx, found.file_id)).names if found.file_id else [])
    headers = {"Content-Disposition": f'attachment; filename="import-{import_id}-errors.csv"'}
    lines = _refused(app, caller, import_id, names, speech(request, caller.locale))
    return StreamingResponse(
        lines, media_type="text/csv; charset=utf-8", headers={**headers, "Cache-Control": "no-store"}
    )


async def _begin(request: Request, app: App, caller: Caller, key: str | None, *, dry_run: bool) -> Response:
    form = await request.form(max_files=1)
    sent = form.get("file")
    if not isinstance(sent, UploadFile):
        raise UnreadableFile("No file was sent: put it into the field “file”.")
    said = {name: str(form.get(name) or "") for name in ("encoding", "separator", "sheet")}
    table, read = str(form.get("table") or service.OUVRAGES), reading(said)
    async with app.db.transaction(caller, read_only=True) as tx:
        service.may_fill(caller, table)
        into = await service.target(tx, table)
        name, plan = str(form.get("mapping_name") or ""), _sent(str(form.get("mapping") or ""), into)
        plan = parse((await service.mapping_named(tx, name)).mapping, into) if name and plan is None else plan
    read = plan.read if plan and read == AS_IT_IS else read
    file = await files.keep(app, caller, sent.filename or "", sent.file, read=read)
    if plan is None:
        found = await files.first_rows(app, caller, file, read)
        async with app.db.transaction(caller, read_only=True) as tx:
            plan = await service.proposed(tx, found, table)
    plan = replace(plan, read=read)
    if mark := str(form.get("decimal") or ""):
        plan = signed(plan, mark, into)
    async with app.db.transaction(caller) as tx:
        body = {
            "sha256": file.sha256, "name": file.name, "mapping": written(plan), "table": table, "dry_run": dry_run,
        }  # fmt: skip
        seen = await once(tx, "import", key, body)
        begun = seen.made or await service.begin(tx, file, plan, table=table, dry_run=dry_run, tags=seen.tags)
        return await _begun(tx, begun)


def _sent(text: str, into: Target) -> Mapping | None:
    if not text:
        return None
    try:
        return parse(loads(text), into)
    except ValueError as error:
        raise BadMapping(f"The mapping is not JSON: {error}.") from error


async def _begun(tx: Any, import_id: int) -> Response:
    answer = _reply(asdict(await service.one(tx, import_id)), 202)
    answer.headers["Location"] = f"/api/v1/imports/{import_id}"
    return answer


async def _refused(app: App, caller: Caller, import_id: int, names: list[str], say: Say) -> AsyncIterator[bytes]:
    yield ("\ufeff" + _line(["row", "error", *names])).encode()
    async for rows in service.every_refused(app.db, caller, import_id):
        cells = (
            [str(row["row_number"]), told(row["error"], say), *(row["data"].get(name) or "" for name in names)]
            for row in rows
        )
        yield "".join(map(_line, cells)).encode()


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerow(map(_harmless, cells))
    return out.getvalue()


def _harmless(text: str) -> str:
    """A spreadsheet must not take a text for a formula; a negative number is none."""
    number = text[1:].replace(",", "").replace(".", "").replace(" ", "").isdigit()
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and not number else text


def _reply(value: Any, status: int = 200) -> Response:
    return Response(dumps(value), status, media_type="application/json")
