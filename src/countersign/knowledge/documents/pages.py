"""Pages of documents: the list with its form for files, an export, one document with the passage that is quoted."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who, wants_json
from . import service
from .api import receive
from .models import NoSuchDocument, Summary
from .readers import KINDS

routes = Router(include_in_schema=False)

PER_PAGE = 50
AT_ONCE = 1000
SHOWN = 100_000  # characters on either side of the passage: drawing a whole book would hold everybody up
ACCEPTED = ",".join(sorted(KINDS))
Words = Annotated[Clean | None, Query(max_length=200)]
Collection = Annotated[Clean | None, Query(max_length=100)]
Choice = Annotated[Clean | None, Query(max_length=20)]


@routes.on("GET /records/documents", permission="documents.view")
async def list_documents(
    request: Request,
    app: House,
    caller: Who,
    q: Words = None,
    collection: Collection = None,
    status: Choice = None,
    sort: Choice = None,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """The list; words, collection and status narrow it."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.search(
            tx, q=q, collection=collection, status=status, sort=sort, limit=PER_PAGE, offset=offset
        )
        total = await service.count(tx, q=q, collection=collection, status=status)
        collections = await service.collections(tx)
        answering = await service.readers(tx) if caller.may("documents.manage") else []
    return page(
        request,
        "documents/list.html",
        found=found,
        total=total,
        offset=offset,
        limit=PER_PAGE,
        collections=collections,
        states=service.STATES,
        answering=answering,
        accepted=ACCEPTED,
        working=any(one.status in ("pending", "processing") for one in found),
        q=q or "",
        collection=collection or "",
        chosen=status or "",
        sort=sort if sort in service.SORTS else "-created",
    )


@routes.on("POST /records/documents", permission="documents.manage", upload=True)
async def upload(request: Request, app: House, caller: Who) -> Response:
    """Takes the files of the form in; the list shows how far they are read."""
    taken = await receive(app, caller, request)
    if wants_json(request):
        shown = [{"source": t.source, "status": t.status, "duplicate": t.duplicate} for t in taken]
        return JSONResponse({"items": shown}, 202)
    return RedirectResponse("/records/documents", 303)


@routes.on("GET /records/documents.csv", permission="documents.view")
async def export(
    app: House, caller: Who, q: Words = None, collection: Collection = None, status: Choice = None, sort: Choice = None
) -> Response:
    """The same list as a file that spreadsheets open: UTF-8 with its mark, semicolons."""
    lines = _lines(app, caller, {"q": q, "collection": collection, "status": status, "sort": sort})
    headers = {"Content-Disposition": 'attachment; filename="documents.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


@routes.on("POST /records/documents/{uuid}/delete", permission="documents.manage")
async def delete(app: House, caller: Who, uuid: UUID) -> Response:
    """Deletes a document; the page waits ten seconds for a change of mind before it asks for this."""
    async with app.db.transaction(caller) as tx:
        await service.delete(tx, uuid)
    return RedirectResponse("/records/documents", 303)


@routes.on("GET /docs/{name}", permission="documents.view")
async def follow_link(app: House, caller: Who, name: Clean) -> Response:
    """Where a link from one document to another leads."""
    async with app.db.transaction(caller, read_only=True) as tx:
        uuid = await service.at(tx, f"/docs/{name}")
    return RedirectResponse(f"/records/documents/{uuid}", 303)


@routes.on("GET /records/documents/{uuid}", permission="documents.view")
async def read_document(
    request: Request, app: House, caller: Who, uuid: UUID, passage: Annotated[int | None, Query(ge=1)] = None
) -> Response:
    """The text; *passage* (its database id) is marked. Of a very long one, what surrounds the passage."""
    async with app.db.transaction(caller, read_only=True) as tx:
        document = await service.document(tx, uuid)
        found = await service.passage(tx, passage) if passage is not None else None
    if found is not None and found.document_uuid != document.uuid:
        raise NoSuchDocument()
    text = document.content or ""
    start = found.char_start if found and found.char_start is not None else 0
    end = found.char_end if found and found.char_end is not None else 0
    first, last = max(0, start - SHOWN), end + SHOWN
    parts = {"before": text[first:start], "marked": text[start:end], "after": text[end:last]}
    return page(
        request,
        "documents/document.html",
        document=document,
        passage=found,
        parts=parts,
        accepted=ACCEPTED,
        cut=first > 0 or last < len(text),
    )


async def _lines(app: App, caller: Caller, chosen: dict[str, str | None]) -> AsyncIterator[bytes]:
    yield (
        "\ufeff" + _row(["title", "source", "collection", "category", "status", "bytes", "passages", "error"])
    ).encode()
    offset = 0
    while True:
        async with app.db.transaction(caller, read_only=True) as tx:
            found = await service.search(tx, **chosen, limit=AT_ONCE, offset=offset)
        if found:
            yield "".join(_row(_cells(one)) for one in found).encode()
        if len(found) < AT_ONCE:
            return
        offset += AT_ONCE


def _cells(one: Summary) -> list[str]:
    texts = [one.title, one.source, one.collection, one.category or "", one.status]
    return [*map(_harmless, texts), str(one.size_bytes), str(one.chunk_count), _harmless(one.error or "")]


def _harmless(text: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _row(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerow(cells)
    return out.getvalue()
