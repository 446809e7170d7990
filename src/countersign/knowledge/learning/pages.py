"""Pages of learned answers: the list with what it saved, one with all it rests on, added by hand or by a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Path, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.errors import CountersignError
from ...kernel.lists import PER_PAGE, Choice, Offset, Words, spreadsheet
from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who
from ..agents import service as agents
from . import faq, service
from .models import MAX_ANSWER, MAX_QUESTION, MAY, NotReadable

routes = Router(include_in_schema=False)

SEE = "agents.view"
MOST_BYTES = 20_000_000

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Question = Annotated[Clean, Form(max_length=MAX_QUESTION)]
Said = Annotated[Clean, Form(max_length=MAX_ANSWER)]
Seen = Annotated[Clean | None, Form(max_length=200)]


@routes.on("GET /learned", permission=SEE)
async def list_learned(
    request: Request,
    app: House,
    caller: Who,
    q: Words = None,
    agent: Choice = None,
    status: Choice = None,
    sort: Choice = None,
    offset: Offset = 0,
) -> Response:
    """The list; words, agent and state narrow it."""
    return await _list(request, app, caller, faq.Which(q, agent, status), sort, offset)


@routes.on("GET /learned.csv", permission=SEE)
async def export(app: House, caller: Who, q: Words = None, agent: Choice = None, status: Choice = None) -> Response:
    """The same list as a file that spreadsheets open."""
    return spreadsheet("learned", faq.COLUMNS, faq.rows(app, caller, faq.Which(q, agent, status)))


@routes.on("POST /learned", permission=MAY)
async def add(
    request: Request,
    app: House,
    caller: Who,
    agent: Annotated[Clean, Form(max_length=100)] = "",
    question: Question = "",
    answer: Said = "",
) -> Response:
    """Learns what was written by hand; a refusal keeps what was typed."""
    try:
        async with app.db.transaction(caller) as tx:
            one = await service.add(tx, agent, question, answer)
    except CountersignError as refused:
        if refused.status != 422:
            raise
        typed = {"agent": agent, "question": question, "answer": answer}
        return await _list(request, app, caller, faq.Which(), None, 0, error=refused, typed=typed)
    return RedirectResponse(f"/learned/{one.id}", 303)


@routes.on("POST /learned/import", permission=MAY, upload=True)
async def bring(request: Request, app: House, caller: Who) -> Response:
    """Learns the rows of a file; says how many were new."""
    form = await request.form(max_files=1)
    file = form.get("file")
    data = await file.read(MOST_BYTES + 1) if isinstance(file, UploadFile) else b""
    try:
        if not 0 < len(data) <= MOST_BYTES:
            raise NotReadable()
        async with app.db.transaction(caller) as tx:
            brought = await faq.bring(tx, str(form.get("agent") or ""), data)
    except CountersignError as refused:
        if refused.status != 422:
            raise
        return await _list(request, app, caller, faq.Which(), None, 0, error=refused)
    return await _list(request, app, caller, faq.Which(), None, 0, brought=brought)


@routes.on("GET /learned/{number}", permission=SEE)
async def show(request: Request, app: House, caller: Who, number: Number) -> Response:
    """One learned answer, the records it rests on, what changed below it, every state that it had."""
    return await _one(request, app, caller, number)


@routes.on("POST /learned/{number}/edit", permission=MAY)
async def edit(
    request: Request, app: House, caller: Who, number: Number, question: Question, answer: Said, seen: Seen = None
) -> Response:
    """Another wording; of a suspended answer it is signed anew by it."""
    try:
        async with app.db.transaction(caller) as tx:
            now = await service.learned(tx, number)
            change = service.renew if now.status == "suspended" else service.edit
            await change(tx, number, question=question, answer=answer.replace("\r\n", "\n"), seen=seen)
    except CountersignError as refused:
        if refused.status not in (409, 412, 422):
            raise
        return await _one(request, app, caller, number, error=refused)
    return RedirectResponse(f"/learned/{number}", 303)


@routes.on("POST /learned/{number}/renew", permission=MAY)
async def renew(request: Request, app: House, caller: Who, number: Number, seen: Seen = None) -> Response:
    """It is valid again as it is."""
    try:
        async with app.db.transaction(caller) as tx:
            await service.renew(tx, number, seen=seen)
    except CountersignError as refused:
        if refused.status not in (409, 412):
            raise
        return await _one(request, app, caller, number, error=refused)
    return RedirectResponse(f"/learned/{number}", 303)


@routes.on("POST /learned/{number}/revoke", permission=MAY)
async def revoke(
    request: Request,
    app: House,
    caller: Who,
    number: Number,
    reason: Annotated[Clean, Form(max_length=500)] = "",
    seen: Seen = None,
) -> Response:
    """It is used no more, for good."""
    try:
        async with app.db.transaction(caller) as tx:
            await service.revoke(tx, number, reason, seen=seen)
    except CountersignError as refused:
        if refused.status not in (409, 412):
            raise
        return await _one(request, app, caller, number, error=refused)
    return RedirectResponse(f"/learned/{number}", 303)


async def _list(
    request: Request,
    app: App,
    caller: Caller,
    which: faq.Which,
    sort: str | None,
    offset: int,
    *,
    error: CountersignError | None = None,
    typed: dict[str, str] | None = None,
    brought: tuple[int, int] | None = None,
) -> Response:
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await faq.listed(tx, which, used=sort == "used", limit=PER_PAGE, offset=offset)
        total = await faq.count(tx, which)
        days = await faq.saved(tx)
        named = await agents.agents(tx)
    return page(
        request,
        "learning/list.html",
        status=error.status if error else 200,
        found=found,
        total=total,
        days=days,
        agents=named,
        states=faq.STATES,
        which=which,
        sort=sort or "",
        offset=offset,
        limit=PER_PAGE,
        error=error,
        typed=typed or {"agent": "", "question": "", "answer": ""},
        adding=typed is not None,
        brought=brought,
    )


async def _one(
    request: Request, app: App, caller: Caller, number: int, *, error: CountersignError | None = None
) -> Response:
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.learned(tx, number)
        rests, changes = await service.rests_on(tx, number), await service.changes(tx, number)
        past = await service.history(tx, number)
    status = error.status if error else 200
    return page(
        request, "learning/one.html", status=status, one=one, rests=rests, changes=changes, past=past, error=error
    )
