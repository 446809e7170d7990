"""Pages of the inbox: the list and what is open of it, side by side; decisions by form, with or without a script."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Any, Literal

from fastapi import Form, Path, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from ..kernel.access import Caller
from ..kernel.app import App
from ..kernel.database import Tx
from ..kernel.errors import CountersignError
from ..kernel.lists import After, place, spreadsheet
from ..kernel.pages import page, zone_of
from ..kernel.web import Clean, House, Router, Who, wants_json
from ..knowledge.agents import service as agents
from . import desk, service, showing
from .models import MAX_CONTENT, MAX_REASON, MOST_COUNTED, VALIDATE, Choice, Item, Verb
from .showing import Asked

routes = Router(include_in_schema=False)

COURSE_DAYS = 30
MOST_AT_ONCE = 200

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Ident = Annotated[int | None, Form(ge=1, le=2**63 - 1)]
At = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
Many = Annotated[int | None, Query(ge=0, le=MOST_AT_ONCE)]
Seen = Annotated[Literal["pending", "validated", "learned"], Form()]


@routes.on("GET /inbox", permission=VALIDATE)
async def inbox(
    request: Request, app: House, caller: Who, after: After = None, at: At = None, done: Many = None, left: Many = None
) -> Response:
    """The queue, and how it goes. A script that asks gets the list alone, where *at* stands."""
    if request.headers.get("hx-request") != "true":
        return await _home(request, app, caller, after, done=done, left=left)
    async with app.db.transaction(caller, read_only=True) as tx:
        item = await service.item(tx, at) if at else None
        shown = await _list(tx, Asked.of(request.query_params), after, item)
    return page(request, "review/inbox.html", opened=None, **shown)


@routes.on("GET /inbox.csv", permission=VALIDATE)
async def export(request: Request, app: House, caller: Who) -> Response:
    """The same list as a file that spreadsheets open."""
    asked = Asked.of(request.query_params)
    return spreadsheet("inbox", showing.COLUMNS, showing.everything(app, caller, asked))


@routes.on("GET /inbox/count", permission=VALIDATE)
async def count(request: Request, app: House, caller: Who) -> Response:
    """How many wait, for the menu."""
    async with app.db.transaction(caller, read_only=True) as tx:
        many = await service.count(tx)
    return page(request, "review/count.html", many=many, most=MOST_COUNTED)


@routes.on("GET /inbox/{number}", permission=VALIDATE)
async def open_one(request: Request, app: House, caller: Who, number: Number, ahead: bool = False) -> Response:
    """One thing of the inbox, which is in the caller's hands from now on; *ahead* it is only looked at."""
    return await _one(request, app, caller, number, ahead=ahead)


@routes.on("POST /inbox/next", permission=VALIDATE)
async def take_next(request: Request, app: House, caller: Who, after: Ident = None) -> Response:
    """Takes the next one, below *after*, and gives back what else was in hand; stays where there is no other."""
    asked = Asked.of(request.query_params)
    async with app.db.transaction(caller) as tx:
        following = await _take_next(tx, asked, after)
        if following is None and after is not None:
            here = await service.take(tx, after)
            following = here.id if here.outcome is None and here.held_by is None else None
    return _onward(request, asked, following)


@routes.on("POST /inbox/decide", permission=VALIDATE)
async def decide_several(
    request: Request,
    app: House,
    caller: Who,
    verb: Annotated[Literal["validate", "reject"], Form()],
    item: Annotated[list[int] | None, Form(max_length=MOST_AT_ONCE)] = None,
    text: Annotated[Clean, Form(max_length=MAX_REASON)] = "",
) -> Response:
    """The same decision on several; says how many it was made on, and how many were left as they are."""
    asked = Asked.of(request.query_params)
    try:
        done, left = await desk.decide_all(app, caller, item or [], Choice(verb, text))
    except CountersignError as refused:
        if refused.status != 422:
            raise
        return await _home(request, app, caller, None, error=refused)
    return RedirectResponse(f"/inbox?{asked.query}&done={done}&left={left}", 303)


@routes.on("POST /inbox/{number}/take", permission=VALIDATE)
async def take(app: House, caller: Who, number: Number) -> Response:
    """Keeps one thing in the caller's hands while they look at it."""
    async with app.db.transaction(caller) as tx:
        await desk.hold(tx, number)
    return Response(status_code=204)


@routes.on("POST /inbox/{number}/difference", permission=VALIDATE)
async def difference(
    request: Request,
    app: House,
    caller: Who,
    number: Number,
    text: Annotated[Clean, Form(max_length=MAX_CONTENT)] = "",
) -> Response:
    """What a correction would change, as it is typed."""
    async with app.db.transaction(caller, read_only=True) as tx:
        said = await showing.text_of(tx, await service.item(tx, number))
    lines = agents.difference(said, text.replace("\r\n", "\n"))
    return page(request, "review/difference.html", lines=lines)


@routes.on("POST /inbox/{number}/{verb}", permission=VALIDATE)
async def decide(
    request: Request,
    app: House,
    caller: Who,
    number: Number,
    verb: Verb,
    text: Annotated[Clean, Form(max_length=MAX_CONTENT)] = "",
    question: Annotated[Clean, Form(max_length=8_000)] = "",
    seen: Seen = "pending",
    learn: Annotated[bool, Form()] = False,
) -> Response:
    """Decides, and takes the next one. Who was slower sees by whom and when it was decided."""
    asked = Asked.of(request.query_params)
    choice = Choice(verb, text, question.strip() or None, seen, learn)
    try:
        async with app.db.transaction(caller) as tx:
            await desk.decide(tx, number, choice)
            following = await _take_next(tx, asked, number) if asked.waiting else number
    except CountersignError as refused:
        if refused.status not in (409, 422) or wants_json(request):
            raise
        return await _one(request, app, caller, number, error=refused)
    return _onward(request, asked, following)


async def _take_next(tx: Tx, asked: Asked, after: int | None) -> int | None:
    found = await service.take_next(tx, asked.which, after)
    await service.let_go(tx, except_=[found.id] if found else [])
    return found.id if found else None


def _onward(request: Request, asked: Asked, number: int | None) -> Response:
    if wants_json(request):
        return JSONResponse({"next": number})
    return RedirectResponse(f"/inbox{f'/{number}' if number else ''}?{asked.query}", 303)


async def _list(tx: Tx, asked: Asked, after: str | None, item: Item | None) -> dict[str, Any]:
    entries, following = await showing.listed(tx, asked, place(after), item)
    return {
        "asked": asked,
        "entries": entries,
        "more": following,
        "current": item.id if item else None,
        "waiting": await service.count(tx),
        "most": MOST_COUNTED,
        "agents": await agents.agents(tx, inactive=True),
    }


async def _home(
    request: Request, app: App, caller: Caller, after: str | None, *, error: CountersignError | None = None, **bulk: Any
) -> Response:
    zone = zone_of(request)
    midnight = datetime.combine(datetime.now(zone).date(), time.min, zone)
    async with app.db.transaction(caller) as tx:
        await service.let_go(tx)
        shown = await _list(tx, Asked.of(request.query_params), after, None)
        shown["course"] = await service.course(tx, COURSE_DAYS, zone)
        shown["today"] = await service.done_since(tx, midnight)
    status = error.status if error else 200
    return page(request, "review/inbox.html", status=status, opened=None, error=error, bulk=bulk, **shown)


async def _one(
    request: Request,
    app: App,
    caller: Caller,
    number: int,
    *,
    ahead: bool = False,
    error: CountersignError | None = None,
) -> Response:
    asked = Asked.of(request.query_params)
    piece = request.headers.get("hx-request") == "true"
    async with app.db.transaction(caller) as tx:
        if ahead:
            item = await service.item(tx, number)
        else:
            item = await service.take(tx, number)
            await service.let_go(tx, except_=[number])
        opened = await showing.opened(tx, asked, item)
        shown = {"asked": asked} if piece else await _list(tx, asked, None, item)
    status = error.status if error else 200
    return page(request, "review/inbox.html", status=status, opened=opened, error=error, **shown)
