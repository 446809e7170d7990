"""Pages that change ouvrages: the form of one, the editor of its composition, its price, its end."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.errors import CountersignError
from ...kernel.pages import page
from ...kernel.web import Clean, House, Router, Who
from . import forms, service, write
from .forms import Line
from .models import TYPES, NoSuchComponent, NoSuchOuvrage

routes = Router(include_in_schema=False)

PICKS = 20
Seen = Annotated[Clean, Form(max_length=100)]
Words = Annotated[Clean | None, Query(max_length=200)]


@routes.on("GET /records/ouvrages/new", permission="ouvrages.import")
async def ask_new(
    request: Request, app: House, caller: Who, below: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None
) -> Response:
    """The form of a new ouvrage, *below* another when it is asked for there."""
    typed = dict.fromkeys(forms.FIELDS, "") | {"type": "simple", "currency": "EUR"}
    async with app.db.transaction(caller, read_only=True) as tx:
        categories = await service.categories(tx)
        if below is not None:
            above = await service.ouvrage(tx, below)
            typed |= {"parent": above.code, "category": above.category or ""}
    return page(request, "ouvrages/edit.html", one=None, typed=typed, seen="", types=TYPES, categories=categories)


@routes.on("POST /records/ouvrages/new", permission="ouvrages.import")
async def create(request: Request, app: House, caller: Who) -> Response:
    """Makes it, or shows the form again with what is wrong."""
    typed = forms.sent(await request.form())
    try:
        async with app.db.transaction(caller) as tx:
            one = await write.create(tx, await forms.read_fields(tx, typed, caller.locale))
    except CountersignError as error:
        return await _form_again(request, app, caller, error, typed=typed, one=None, seen="")
    step = "/composition" if one.type == "compose" else ""
    return RedirectResponse(f"/records/ouvrages/{one.id}{step}", 303)


@routes.on("GET /records/ouvrages/picks", permission="ouvrages.import")
async def picks(request: Request, app: House, caller: Who, add: Words = None, parent: Words = None) -> Response:
    """Ouvrages that fit what is typed, as the choices of a field."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.search(tx, q=add or parent, limit=PICKS)
    return page(request, "ouvrages/picks.html", found=found)


@routes.on("GET /records/ouvrages/{ouvrage_id}/edit", permission="ouvrages.import")
async def ask_change(request: Request, app: House, caller: Who, ouvrage_id: int) -> Response:
    """The form of an ouvrage; it carries the version that is shown."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, ouvrage_id)
        categories = await service.categories(tx)
    typed = forms.texts(one, caller.locale)
    return page(request, "ouvrages/edit.html", one=one, typed=typed, seen=one.etag, types=TYPES, categories=categories)


@routes.on("POST /records/ouvrages/{ouvrage_id}/edit", permission="ouvrages.import")
async def change(request: Request, app: House, caller: Who, ouvrage_id: int, seen: Seen) -> Response:
    """Changes it unless somebody else did meanwhile; else what was typed is shown again."""
    typed = forms.sent(await request.form())
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, ouvrage_id)
    try:
        async with app.db.transaction(caller) as tx:
            await write.update(tx, one.id, await forms.read_fields(tx, typed, caller.locale), seen=seen)
    except CountersignError as error:
        return await _form_again(request, app, caller, error, typed=typed, one=one, seen=seen)
    return RedirectResponse(f"/records/ouvrages/{one.id}", 303)


@routes.on("POST /records/ouvrages/{ouvrage_id}/price", permission="ouvrages.import")
async def take_over(app: House, caller: Who, ouvrage_id: int, seen: Seen) -> Response:
    """What the components cost becomes the stored price."""
    async with app.db.transaction(caller) as tx:
        await write.take_over(tx, ouvrage_id, seen=seen)
    return RedirectResponse(f"/records/ouvrages/{ouvrage_id}", 303)


@routes.on("POST /records/ouvrages/{ouvrage_id}/delete", permission="ouvrages.import")
async def delete(app: House, caller: Who, ouvrage_id: int) -> Response:
    """Deletes it; the page waits ten seconds for a change of mind before it asks for this."""
    async with app.db.transaction(caller) as tx:
        await write.delete(tx, ouvrage_id)
    return RedirectResponse("/records/ouvrages", 303)


@routes.on("GET /records/ouvrages/{ouvrage_id}/composition", permission="ouvrages.import")
async def ask_composition(request: Request, app: House, caller: Who, ouvrage_id: int) -> Response:
    """The editor of what one unit is made of."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, ouvrage_id)
        found = await service.components(tx, [one.id])
    lines = [Line(part.id, forms.written(part.quantity, caller.locale), part.unit) for part in found]
    return await _composition(request, app, caller, ouvrage_id, lines, seen=one.etag)


@routes.on("POST /records/ouvrages/{ouvrage_id}/composition", permission="ouvrages.import")
async def change_composition(request: Request, app: House, caller: Who, ouvrage_id: int, seen: Seen) -> Response:
    """One step of the editor: a line added, moved or taken out; or the whole is stored."""
    form = await request.form()
    lines, action, add = forms.read_lines(form), str(form.get("action", "")), str(form.get("add", "")).strip()
    try:
        if action == "save" and not add:
            async with app.db.transaction(caller) as tx:
                await write.compose(tx, ouvrage_id, forms.parts(lines, caller.locale), seen=seen)
            return RedirectResponse(f"/records/ouvrages/{ouvrage_id}", 303)
        if action in ("add", "save"):
            lines.append(await _line(app, caller, add))
        lines = forms.arranged(lines, action)
    except CountersignError as error:
        return await _composition(request, app, caller, ouvrage_id, lines, seen=seen, error=error, add=add)
    return await _composition(request, app, caller, ouvrage_id, lines, seen=seen)


async def _line(app: App, caller: Caller, code: str) -> Line:
    try:
        async with app.db.transaction(caller, read_only=True) as tx:
            one = await service.by_code(tx, code)
    except NoSuchOuvrage:
        raise NoSuchComponent() from None
    return Line(one.id, "1", one.unit)


async def _composition(
    request: Request,
    app: App,
    caller: Caller,
    ouvrage_id: int,
    lines: list[Line],
    *,
    seen: str,
    error: CountersignError | None = None,
    add: str = "",
) -> Response:
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, ouvrage_id)
        known = {each.id: each for each in await service.live(tx, [line.id for line in lines])}
    shown = [line for line in lines if line.id in known]
    given: dict[str, Any] = {"one": one, "lines": shown, "known": known, "seen": seen, "error": error, "add": add}
    given["stepped"] = request.method == "POST"  # the next line is added without reaching for the field
    return page(request, "ouvrages/composition.html", status=error.status if error else 200, **given)


async def _form_again(request: Request, app: App, caller: Caller, error: CountersignError, **given: Any) -> Response:
    async with app.db.transaction(caller, read_only=True) as tx:
        categories = await service.categories(tx)
    return page(
        request, "ouvrages/edit.html", status=error.status, error=error, types=TYPES, categories=categories, **given
    )
