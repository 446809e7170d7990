"""A document on a page, with the passage that an answer quotes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response

from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who
from . import service
from .models import NoSuchDocument

routes = Router(include_in_schema=False)


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
    """The whole text; *passage* (its database id) is marked."""
    async with app.db.transaction(caller, read_only=True) as tx:
        document = await service.document(tx, uuid)
        found = await service.passage(tx, passage) if passage is not None else None
    if found is not None and found.document_uuid != document.uuid:
        raise NoSuchDocument()
    text = document.content or ""
    start = found.char_start if found and found.char_start is not None else 0
    end = found.char_end if found and found.char_end is not None else 0
    parts = {"before": text[:start], "marked": text[start:end], "after": text[end:]}
    return page(request, "documents/document.html", document=document, passage=found, parts=parts)
