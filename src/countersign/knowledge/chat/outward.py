"""Pages by which a conversation leaves its owner: a link for colleagues, a file; and what colleagues see of it."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.audit import audit
from ...kernel.errors import NotFound
from ...kernel.json import dumps
from ...kernel.pages import page
from ...kernel.web import House, Router, Who
from . import evidence, export, service, sharing
from .models import Share

routes = Router(include_in_schema=False)
api = Router(prefix="/api/v1", tags=["chat"])

MAY = "ai-sessions.view"
KINDS = {"md": "text/markdown; charset=utf-8", "pdf": "application/pdf"}


@routes.on("POST /sessions/{uuid}/share", permission=MAY)
async def share(app: House, caller: Who, uuid: UUID, upto: Annotated[UUID | None, Form()] = None) -> Response:
    """Makes a link for colleagues, or lets the one there is show what was said since."""
    async with app.db.transaction(caller) as tx:
        await sharing.share(tx, uuid, upto=upto)
    return RedirectResponse(f"/sessions/{uuid}?shared=yes", 303)


@routes.on("POST /sessions/{uuid}/unshare", permission=MAY)
async def revoke(app: House, caller: Who, uuid: UUID) -> Response:
    """The link leads nowhere any more."""
    async with app.db.transaction(caller) as tx:
        await sharing.revoke(tx, uuid)
    return RedirectResponse(f"/sessions/{uuid}", 303)


@routes.on("GET /shared/{share}", permission=MAY)
async def read_shared(request: Request, app: House, caller: Who, share: UUID) -> Response:
    """A conversation that a colleague shared, to be read."""
    async with app.db.transaction(caller, read_only=True) as tx:
        link = await sharing.shared(tx, share)
        messages = await sharing.read(tx, link)
        answers = [m for m in messages if m.role == "assistant" and m.rag_context]
        shown = await evidence.of(tx, answers[-1]) if answers else None
    base = f"/shared/{share}/messages/"
    return page(
        request, "chat/shared.html", link=link, share=share, messages=messages, evidence=shown, evidence_base=base
    )


@routes.on("GET /shared/{share}/messages/{uuid}/sources", permission=MAY)
async def shared_sources(request: Request, app: House, caller: Who, share: UUID, uuid: UUID) -> Response:
    """What an answer of it rests on."""
    return await _sources(request, app, caller, share, uuid, None)


@routes.on("GET /shared/{share}/messages/{uuid}/sources/{n}", permission=MAY)
async def shared_source(request: Request, app: House, caller: Who, share: UUID, uuid: UUID, n: int) -> Response:
    """What an answer of it rests on, with source *n* open."""
    return await _sources(request, app, caller, share, uuid, n)


async def _sources(request: Request, app: App, caller: Caller, share: UUID, uuid: UUID, n: int | None) -> Response:
    async with app.db.transaction(caller, read_only=True) as tx:
        link = await sharing.shared(tx, share)
        shown = await evidence.of(tx, await sharing.read_one(tx, link, uuid), n)
    if n is not None and not any(item.n == n for item in shown.items):
        raise NotFound()
    base, back = f"/shared/{share}/messages/", f"/shared/{share}#m-{uuid}"
    return page(request, "chat/evidence.html", session=link, evidence=shown, evidence_base=base, back=back)


@routes.on("GET /sessions/{uuid}/export.{kind}", permission=MAY)
async def download(app: House, caller: Who, uuid: UUID, kind: str, at: UUID | None = None) -> Response:
    """The conversation as it stands, or with the version *at*, as a file."""
    return await _file(app, caller, uuid, kind, at)


@api.on("GET /sessions/{uuid}/export.{kind}", permission=MAY)
async def export_session(app: House, caller: Who, uuid: UUID, kind: str, at: UUID | None = None) -> Response:
    """A conversation as a file: ``export.md`` or ``export.pdf``. Rejected answers are left out."""
    return await _file(app, caller, uuid, kind, at)


async def _file(app: App, caller: Caller, uuid: UUID, kind: str, at: UUID | None) -> Response:
    if kind not in KINDS:
        raise NotFound()
    async with app.db.transaction(caller) as tx:
        session = await service.session(tx, uuid)
        messages = await service.messages(tx, uuid, at=at, limit=service.MOST_MESSAGES)
        await audit(tx, "export", "ai_session", None, new={"uuid": str(uuid), "kind": kind})
    locale = caller.locale if caller.locale in export.DAY else "fr"
    today = datetime.now(UTC).strftime(export.DAY[locale])
    made = export.words(locale)["made"].format(agent=session.agent_name, day=today)
    if kind == "md":
        body = export.markdown(session.title, made, messages, locale).encode()
    else:
        from .pdf import pdf

        # Setting pages is all work: in a thread, others are streaming.
        body = await asyncio.to_thread(pdf, session.title, made, list(export.parts(messages, locale)), locale)
    named = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(_name(session.title))}.{kind}"}
    return Response(body, media_type=KINDS[kind], headers={**named, "Cache-Control": "no-store"})


def _name(title: str | None) -> str:
    plain = unicodedata.normalize("NFKD", title or "conversation").encode("ascii", "ignore").decode()
    return re.sub(r"[^\w.-]+", "-", plain).strip("-.")[:80] or "conversation"


def _shown(found: Share) -> Response:
    shown = asdict(found) | {"address": f"/shared/{found.uuid}"}
    return Response(dumps(shown), media_type="application/json")


@api.on("POST /sessions/{uuid}/share", permission=MAY)
async def share_session(app: House, caller: Who, uuid: UUID, upto: UUID | None = None) -> Response:
    """A link by which colleagues read one's conversation as far as it has come, or up to the message *upto*."""
    async with app.db.transaction(caller) as tx:
        return _shown(await sharing.share(tx, uuid, upto=upto))


@api.on("DELETE /sessions/{uuid}/share", permission=MAY, status_code=204)
async def revoke_share(app: House, caller: Who, uuid: UUID) -> Response:
    """Revokes the link."""
    async with app.db.transaction(caller) as tx:
        await sharing.revoke(tx, uuid)
    return Response(status_code=204)
