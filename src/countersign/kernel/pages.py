"""How a room draws a page: the web hands its pen to the site, so that no room ever imports the web above it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import Response


class Pen(Protocol):
    """Draws *template* (``room/name.html``) with *data* for whoever sent the request."""

    def __call__(self, request: Request, template: str, *, status: int = 200, **data: Any) -> Response: ...


def page(request: Request, template: str, *, status: int = 200, **data: Any) -> Response:
    """A page of a room: ``page(request, "chat/ask.html", agents=…)`` draws ``chat/pages/ask.html``."""
    return cast(Pen, request.app.state.page)(request, template, status=status, **data)


def speech(request: Request, locale: str) -> Callable[[str], str]:
    """What says a text of the catalogue in *locale*, for what is no page."""
    return cast("Callable[[str], Callable[[str], str]]", request.app.state.speech)(locale)


def local_path(path: str | None, otherwise: str = "/") -> str:
    """*path* if it is an address of this site, else *otherwise*: nobody is sent elsewhere by a link they trust."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or any(ord(c) < 33 for c in path):
        return otherwise
    return path


def zone_of(request: Request) -> tzinfo:
    """The time zone that the reader's browser named, or UTC."""
    return zone_named(request.cookies.get("tz"))


def zone_named(name: str | None) -> tzinfo:
    """The time zone *name*, or UTC."""
    try:
        return ZoneInfo(name) if name and len(name) < 64 else UTC
    except (KeyError, ValueError, OSError):
        return UTC
