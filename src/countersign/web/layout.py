"""Draws pages: the reader's language, theme and permissions around a room's template; errors as pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from .. import __version__
from ..accounts.who import locale_of
from ..kernel.access import Caller
from ..kernel.errors import CountersignError
from ..kernel.pages import zone_of
from ..kernel.web import maybe_caller
from .i18n import LOCALES, say
from .templating import environment

THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the rail: shown to whoever holds *permission*; without one, to whoever may see what stands below.

    *count*: where the page asks how many wait there.
    """

    name: str
    path: str
    icon: str
    permission: str
    roots: Sequence[str]
    count: str = ""


def _(text: str) -> str:
    """Marks a string for the catalogue; the template translates it."""
    return text


PLACES = (
    Place(_("Ask"), "/ask", "chat-square-text", "ai-sessions.view", ("/ask", "/sessions", "/messages")),
    Place(_("Inbox"), "/inbox", "inbox", "ai-sessions.validate", ("/inbox",), count="/inbox/count"),
    Place(_("Records"), "/records", "collection", "", ("/records",)),
    Place(_("Agents"), "/agents", "robot", "agents.view", ("/agents",)),
    Place(_("Learned"), "/learned", "patch-check", "agents.view", ("/learned",)),
    Place(_("Webhooks"), "/webhooks", "broadcast", "webhooks.view", ("/webhooks",)),
)

# What stands under Records, as tabs.
RECORDS = (
    Place(_("Ouvrages"), "/records/ouvrages", "collection", "ouvrages.view", ("/records/ouvrages",)),
    Place(_("Documents"), "/records/documents", "file-text", "documents.view", ("/records/documents",)),
    Place(_("Tables"), "/records/tables", "table", "tables.view", ("/records/tables",)),
    Place(_("Imports"), "/records/imports", "upload", "ouvrages.import", ("/records/imports",)),
    Place(_("Index"), "/records/index", "layers", "ouvrages.index", ("/records/index",)),
)


def page(request: Request, template: str, *, status: int = 200, **data: Any) -> Response:
    """The page *template* (``room/name.html``) for whoever sent *request*; a piece of it when htmx asks."""
    caller: Caller | None = getattr(request.state, "caller", None)
    env = environment(caller.locale if caller is not None else locale_of(request))
    html = env.get_template(template).render({**context(request), **data})
    return HTMLResponse(html, status, {"Cache-Control": "no-store", "Vary": "HX-Request, Cookie, Accept-Language"})


def _allowed(places: Sequence[Place], caller: Caller | None) -> list[Place]:
    return [place for place in places if caller is not None and caller.may(place.permission)]


def places_of(caller: Caller | None) -> list[Place]:
    """The rail of *caller*; records lead to the first of their lists that may be opened."""
    records = _allowed(RECORDS, caller)
    found: list[Place] = []
    for place in PLACES:
        if place.permission:
            found += _allowed([place], caller)
        elif records:
            found.append(replace(place, path=records[0].path))
    return found


def context(request: Request) -> dict[str, Any]:
    """What every template may use."""
    caller: Caller | None = getattr(request.state, "caller", None)
    path = request.url.path
    theme = request.cookies.get("theme", "auto")

    def other(**changed: Any) -> str:
        """The query of this address with some of it *changed*."""
        given = {**dict(request.query_params), **changed}
        return urlencode({name: value for name, value in given.items() if value not in (None, "")})

    records = _allowed(RECORDS, caller)
    places = places_of(caller)
    return {
        "user": caller,
        "csrf": getattr(request.state, "csrf", None) or "",
        "here": path + (f"?{request.url.query}" if request.url.query else ""),
        "locales": LOCALES,
        "may": caller.may if caller is not None else lambda _permission: False,  # pyright: ignore[reportUnknownLambdaType]
        "other": other,
        "piece": request.headers.get("hx-request") == "true",
        "place": next((p for p in places if path.startswith(tuple(p.roots))), None),
        "places": places,
        "query": request.query_params,
        "records": records,
        "request_id": getattr(request.state, "request_id", None),
        "theme": theme if theme in THEMES else "auto",
        "version": __version__,
        "zone": zone_of(request),
    }


def say_to(request: Request, text: str) -> str:
    """*text* of an error in the language of whoever sent *request*."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return say(caller.locale if caller is not None else locale_of(request), text)


async def render_error(request: Request, error: CountersignError) -> Response:
    """An error as a page. Who is not signed in is sent to sign in, and comes back after."""
    try:
        await maybe_caller(request)
    except CountersignError:
        request.state.caller = None
    if error.status == 401 and request.url.path != "/sign-in":
        back = request.url.path if request.method == "GET" else "/"
        if request.method == "GET" and request.url.query:
            back += f"?{request.url.query}"
        target = f"/sign-in?next={quote(back, safe='/')}" if back != "/" else "/sign-in"
        if request.headers.get("hx-request") == "true":
            return Response(status_code=401, headers={"HX-Redirect": target})
        return RedirectResponse(target, 303)
    drawn = page(request, "web/error.html", status=error.status, error=error)
    if error.status == 429:
        drawn.headers["Retry-After"] = str(error.extra.get("retry_after", 60))
    return drawn
