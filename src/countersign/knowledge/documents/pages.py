"""Pages of documents: the list with its form for files, an export, one document with the passage that is quoted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.lists import AT_ONCE, PER_PAGE, Choice, Offset, Words, cell, spreadsheet
from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who, wants_json
from . import service
from .api import receive
from .models import Document, NoSuchDocument
from .readers import KINDS

routes = Router(include_in_schema=False)

SHOWN = 100_000  # characters on either side of the passage: drawing a whole book would hold everybody up
ACCEPTED = ",".join(sorted(KINDS))


@routes.on("GET /records/documents", permission="documents.view")
async def list_documents(
    request: Request,
    app: House,
    caller: Who,
    q: Words = None,
    collection: Choice = None,
    status: Choice = None,
    sort: Choice = None,
    offset: Offset = 0,
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
    app: House, caller: Who, q: Words = None, collection: Choice = None, status: Choice = None, sort: Choice = None
) -> Response:
    """The same list as a file that spreadsheets open."""
    heading = ["title", "source", "collection", "category", "status", "bytes", "passages", "error"]
    found = _everything(app, caller, q, collection, status, sort)
    return spreadsheet("documents", heading, found)


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
    """The text; *passage* (its database id) is marked. Of a very long one, what surrounds the passage.

    What was replaced can still be read where an answer quoted it, and says so.
    """
    async with app.db.transaction(caller, read_only=True) as tx:
        document = await service.document(tx, uuid, gone=passage is not None)
        now = await service.successor(tx, document) if document.deleted_at else None
        found = await service.passage(tx, passage) if passage is not None else None
        if found is not None and found.document_uuid != document.uuid:
            raise NoSuchDocument()
        start = found.char_start if found and found.char_start is not None else 0
        end = found.char_end if found and found.char_end is not None else 0
        first = max(0, start - SHOWN)
        text = await service.excerpt(tx, document, first, end - first + SHOWN)
    return page(
        request,
        "documents/document.html",
        document=document,
        now=now,
        passage=found,
        text=text.text,
        marked=(start - first, end - first) if end else None,
        accepted=ACCEPTED,
        cut=not text.whole,
    )


async def _everything(
    app: App, caller: Caller, q: str | None, collection: str | None, status: str | None, sort: str | None
) -> AsyncIterator[list[list[str]]]:
    after: str | None = None
    while True:
        async with app.db.transaction(caller, read_only=True) as tx:
            found = await service.search(
                tx, q=q, collection=collection, status=status, sort=sort, limit=AT_ONCE, after=after
            )
        yield [_cells(one) for one in found]
        if len(found) < AT_ONCE:
            return
        after = service.cursor_at(found[-1], sort)


def _cells(one: Document) -> list[str]:
    values = (
        one.title,
        one.source,
        one.collection,
        one.category,
        one.status,
        one.size_bytes,
        one.chunk_count,
        one.error,
    )
    return [cell(value) for value in values]
