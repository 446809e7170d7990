"""The first address, and the two choices that people may make before they sign in: language and theme."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from ..kernel.pages import local_path
from ..kernel.web import PUBLIC, SIGNED_IN, House, Router, Who
from .i18n import COOKIE, LOCALES
from .layout import THEMES, page, places_of

routes = Router(include_in_schema=False)
YEAR = 365 * 86_400


@routes.on("GET /", permission=SIGNED_IN)
async def home(caller: Who) -> Response:
    """The first place that the caller may see."""
    places = places_of(caller)
    return RedirectResponse(places[0].path if places else "/nowhere", 303)


@routes.on("POST /preferences", permission=PUBLIC)
async def prefer(
    app: House,
    locale: Annotated[str | None, Form()] = None,
    theme: Annotated[str | None, Form()] = None,
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Remembers a language or a theme in a cookie, and goes back."""
    response = RedirectResponse(local_path(next), 303)
    for name, value, known in ((COOKIE, locale, LOCALES), ("theme", theme, THEMES)):
        if value is not None and value in known:
            response.set_cookie(
                name, value, max_age=YEAR, samesite="lax", secure=app.settings.secure_cookies, httponly=False
            )
    return response


@routes.on("GET /nowhere", permission=SIGNED_IN)
async def nowhere(caller: Who) -> Response:
    """For an account that holds no permission: says so, and who can help."""
    caller.require("agents.view")
    return RedirectResponse("/ask", 303)


@routes.on("GET /help/models", permission=SIGNED_IN)
async def help_models(request: Request) -> Response:
    """How to connect a model for real use."""
    return page(request, "web/models.html")
