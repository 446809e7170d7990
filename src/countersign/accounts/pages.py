"""Signing in and out on a page."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from ..kernel.pages import local_path, page
from ..kernel.web import PUBLIC, House, Router, maybe_caller
from . import service
from .models import TooManySignIns, WrongCredentials
from .who import address_of

routes = Router(include_in_schema=False)


@routes.on("GET /sign-in", permission=PUBLIC)
async def ask_who(request: Request, next: str = "/") -> Response:
    """The form; who is signed in already goes on."""
    if await maybe_caller(request) is not None:
        return RedirectResponse(local_path(next), 303)
    return page(request, "accounts/sign_in.html", next=local_path(next), email="", error=None)


@routes.on("POST /sign-in", permission=PUBLIC)
async def sign_in(
    request: Request,
    app: House,
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Opens a sign-in and goes on; says the same thing whether the address or the password is wrong."""
    agent = request.headers.get("user-agent")
    try:
        opened = await service.sign_in(app, email, password, address_of(request), agent)
    except (WrongCredentials, TooManySignIns) as error:
        shown = page(
            request, "accounts/sign_in.html", status=error.status, next=local_path(next), email=email[:255], error=error
        )
        if error.status == 429:
            shown.headers["Retry-After"] = str(error.extra.get("retry_after", 60))
        return shown
    response = RedirectResponse(local_path(next), 303)
    # Without a lifetime here: the browser forgets it when it is closed, and the database ends it when it idles.
    response.set_cookie(
        service.COOKIE, opened.cookie, httponly=True, samesite="lax", secure=app.settings.secure_cookies
    )
    return response


@routes.on("POST /sign-out", permission=PUBLIC)
async def sign_out(request: Request, app: House) -> Response:
    """Ends the sign-in here and in the database."""
    await service.sign_out(app, await maybe_caller(request), request.cookies.get(service.COOKIE))
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(service.COOKIE, httponly=True, samesite="lax", secure=app.settings.secure_cookies)
    return response
