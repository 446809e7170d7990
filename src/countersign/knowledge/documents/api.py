"""JSON routes of documents."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.idempotency import Key, once
from ...kernel.json import dumps
from ...kernel.lists import After, Choice, Limit, Words
from ...kernel.web import House, Router, Who
from . import service, uploads
from .models import Document, NoFile, NoPlace, Upload
from .readers import KINDS

routes = Router(prefix="/api/v1", tags=["documents"])

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "agent": {"type": "string", "description": "Slug of the agent that answers from it."},
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "replace": {"type": "string", "format": "uuid", "description": "Whose place it takes."},
                    },
                }
            }
        },
    }
}


@routes.on("GET /documents", permission="documents.view")
async def list_documents(
    app: House,
    caller: Who,
    q: Words = None,
    collection: Choice = None,
    status: Annotated[str | None, Query(pattern="^(pending|processing|ready|failed)$")] = None,
    sort: Annotated[str | None, Query(pattern="^(-created|created|title|-title|size|-size)$")] = None,
    after: After = None,
    limit: Limit = 50,
) -> Response:
    """Documents, newest first unless sorted otherwise."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.search(tx, q=q, collection=collection, status=status, sort=sort, limit=limit, after=after)
    following = service.cursor_at(found[-1], sort) if len(found) == limit else None
    return _reply({"items": [_shown(d) for d in found], "next": following})


@routes.on("POST /documents", permission="documents.manage", status_code=202, upload=True, openapi_extra=FORM)
async def upload_documents(request: Request, app: House, caller: Who, key: Key = None) -> Response:
    """Takes files in; each is read in the background and then answers. The same bytes are taken once.

    With the same ``Idempotency-Key`` within a day the reply names what was taken the first time, even if it was deleted
    since.
    """
    taken = await receive(app, caller, request, key)
    shown = [{"uuid": t.uuid, "source": t.source, "status": t.status, "duplicate": t.duplicate} for t in taken]
    return _reply({"items": shown}, 202)


@routes.on("GET /documents/{uuid}", permission="documents.view")
async def read_document(app: House, caller: Who, uuid: UUID) -> Response:
    """One document with its text, its state and, if it could not be read, why."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.document(tx, uuid)
        text = (await service.excerpt(tx, found)).text if found.status == "ready" else None
    return _reply({**_shown(found), "content": text})


@routes.on("DELETE /documents/{uuid}", permission="documents.manage", status_code=204)
async def delete_document(app: House, caller: Who, uuid: UUID) -> Response:
    """Deletes a document; it is neither found nor quoted from then on."""
    async with app.db.transaction(caller) as tx:
        await service.delete(tx, uuid)
    return Response(status_code=204)


async def receive(app: App, caller: Caller, request: Request, key: str | None = None) -> list[Upload]:
    """The files of a form (``agent``, ``file`` …, ``replace``), all of them or none; with the same *key* only once.

    Raises ``NoFile``, ``NoSuchReader``, ``BadDocument``, ``KeyReused``.
    """
    form = await request.form(max_files=100)
    files = [f for f in form.getlist("file") if isinstance(f, UploadFile) and (f.filename or f.size)]
    if not files:
        raise NoFile(kinds=", ".join(sorted(KINDS)))
    try:
        replace = UUID(str(form["replace"])) if form.get("replace") else None
    except ValueError:
        raise NoPlace() from None
    hashes = await uploads.fingerprints(file.file for file in files) if key else []
    async with app.db.transaction(caller) as tx:
        if replace is not None:
            collection = (await service.document(tx, replace)).collection
        else:
            collection = await service.collection_of(tx, str(form.get("agent") or ""))
        seen = await once(tx, "document", key, [collection, replace, [file.filename for file in files], hashes])
        if seen.made is not None:
            return await uploads.taken_before(tx, collection, hashes)
        taken: list[Upload] = []
        for file in files:
            name = file.filename or ""
            taken.append(await uploads.take(tx, collection, name, file.file, replace=replace, tags=seen.tags))
    return taken


def _shown(document: Document) -> dict[str, Any]:
    return {name: value for name, value in asdict(document).items() if name not in ("id", "deleted_at")}


def _reply(value: Any, status: int = 200) -> Response:
    return Response(dumps(value), status, media_type="application/json")
