"""Web glue: routes that declare their permission, the caller, errors as JSON or page, server-sent events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Annotated, Any, TypeVar, cast

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import AfterValidator
from starlette.exceptions import HTTPException
from starlette.types import Message, Send

from .access import Caller
from .app import App
from .errors import BY_STATUS, BadRequest, CountersignError, Forbidden, Invalid, NotFound, Unauthorized
from .json import dumps
from .metrics import STREAMS
from .reasons import CONTROL

PUBLIC = "public"
SIGNED_IN = "signed-in"
HEARTBEAT_SECONDS = 15.0

F = TypeVar("F", bound=Callable[..., Any])
Authenticate = Callable[[Request], Awaitable[Caller | None]]
Render = Callable[[Request, CountersignError], Awaitable[Response]]
Say = Callable[[Request, str], str]


class Router(APIRouter):
    """Routes of one room. Each names the permission it needs; a test walks them all. *uploads* take files."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.uploads: set[str] = set()

    def on(self, route: str, *, permission: str, **options: Any) -> Callable[[F], F]:
        """``@routes.on("GET /agents/{slug}", permission="agents.view")``; or ``PUBLIC``, or ``SIGNED_IN``.

        ``upload=True`` lets its body be a form with files, larger than that of an ordinary route.
        """
        method, path = route.split(" ", 1)
        guards = [Depends(_guard(permission))]
        if method not in ("GET", "HEAD"):
            guards.append(Depends(_same_site))
        extra = {"x-permission": permission, **options.pop("openapi_extra", {})}
        if options.pop("upload", False):
            self.uploads.add(self.prefix + path)
        # Without this FastAPI would promise a 422 of its own shape; ours is problem details.
        responses: dict[str, Any] = {
            "4XX": {"description": "Problem details (RFC 9457)", "content": {"application/problem+json": {}}}
        }
        given: dict[str, Any] = {"responses": responses, "response_model": None, **options}

        def register(endpoint: F) -> F:
            self.add_api_route(
                path,
                endpoint,
                methods=[method],
                dependencies=guards,
                openapi_extra=extra,
                **given,
            )
            return endpoint

        return register


def app_of(request: Request) -> App:
    """The process's ``App``."""
    return cast(App, request.app.state.app)


async def caller_of(request: Request) -> Caller:
    """Who sent the request. Raises ``Unauthorized``."""
    caller = await maybe_caller(request)
    if caller is None:
        raise Unauthorized()
    return caller


async def maybe_caller(request: Request) -> Caller | None:
    """Who sent the request, or None. Asked of the accounts once a request."""
    if not hasattr(request.state, "caller"):
        authenticate = cast(Authenticate, request.app.state.authenticate)
        request.state.caller = await authenticate(request)
    return cast("Caller | None", request.state.caller)


async def _house(request: Request) -> App:
    """``app_of``, in the event loop: what is no coroutine would be called in a thread, for each request."""
    return app_of(request)


House = Annotated[App, Depends(_house)]
Who = Annotated[Caller, Depends(caller_of)]


def _guard(permission: str) -> Callable[[Request], Awaitable[None]]:
    async def guard(request: Request) -> None:
        if permission == PUBLIC:
            return
        caller = await caller_of(request)
        if permission != SIGNED_IN:
            caller.require(permission)

    return guard


async def _same_site(request: Request) -> None:
    """Cross-site request forgery: a browser's changing request carries the session's token and comes from our pages."""
    if request.headers.get("sec-fetch-site") not in (None, "same-origin", "none"):
        raise Forbidden("This request comes from another site. Open the page here and try again.")
    await maybe_caller(request)
    expected: str | None = getattr(request.state, "csrf", None)
    if expected is None:
        return
    given = request.headers.get("x-csrf-token")
    if given is None and "form" in request.headers.get("content-type", ""):
        given = str((await request.form()).get("csrf", ""))
    if given != expected:
        raise Forbidden("This page is too old to be trusted. Reload it and try again.")


# -- text that people send


def _clean(text: str) -> str:
    if bad := re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", text):
        raise ValueError(CONTROL % {"character": f"U+{ord(bad[0]):04X}"})
    return text


Clean = Annotated[str, AfterValidator(_clean)]


# -- errors


def _is_for_programs(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/v1/", "/hooks/"))


def wants_json(request: Request) -> bool:
    """Whether the answer should be JSON: the API always, a page only when asked."""
    if _is_for_programs(request):
        return True
    accept = request.headers.get("accept", "")
    return "json" in accept and "text/html" not in accept


def problem(request: Request, error: CountersignError) -> JSONResponse:
    """RFC 9457 problem details: type, title, status, detail, request id. A script of a page hears its language."""
    extra, detail = error.extra, error.detail
    say = cast("Say | None", getattr(request.app.state, "say_to", None))
    if say is not None and not _is_for_programs(request):
        lines = [{**line, "error": say(request, line["error"])} for line in extra.get("errors", ())]
        detail = " ".join(f"{line['field']} – {line['error']}" for line in lines) or say(request, detail)
        extra = {**extra, "errors": lines or None}
    body = {
        "type": f"about:blank#{error.code}",
        "title": error.code.replace("-", " ").capitalize(),
        "status": error.status,
        "code": error.code,
        "detail": detail,
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", None),
        **{key: value for key, value in extra.items() if value is not None},
    }
    if request.url.path.startswith("/v1/"):  # where OpenAI's clients look
        body["error"] = {"message": detail, "type": error.code, "param": None, "code": error.code}
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if error.status == 429:
        headers["Retry-After"] = str(error.extra.get("retry_after", 60))
    return JSONResponse(body, error.status, headers, media_type="application/problem+json")


def install_errors(site: FastAPI) -> None:
    """One handler for everything that can go wrong. Pages are drawn by ``state.render_error`` when the web sets it."""

    async def show(request: Request, error: CountersignError) -> Response:
        render = cast("Render | None", getattr(request.app.state, "render_error", None))
        if wants_json(request) or render is None:
            return problem(request, error)
        return await render(request, error)

    async def ours(request: Request, error: Exception) -> Response:
        return await show(request, cast(CountersignError, error))

    async def validation(request: Request, error: Exception) -> Response:
        found = cast(RequestValidationError, error).errors()
        if any(str(e["type"]).startswith("json") for e in found):
            return await show(request, BadRequest(f"The body is not valid JSON: {found[0]['msg']}."))
        if not _is_for_programs(request) and any(e["loc"][0] == "path" for e in found):
            return await show(request, NotFound())  # a page at an address that cannot exist
        return await show(request, Invalid.from_fields(found, below=1))

    async def http(request: Request, error: Exception) -> Response:
        raised = cast(HTTPException, error)
        if isinstance(raised.__cause__, CountersignError):
            # FastAPI wraps whatever reading the body raised; ours knew better.
            return await show(request, raised.__cause__)
        if raised.status_code == 404:
            return await show(request, NotFound())
        kind = BY_STATUS.get(raised.status_code)
        if kind is not None:
            return await show(request, kind(str(raised.detail)))
        named = type("MethodNotAllowed" if raised.status_code == 405 else "Refused", (CountersignError,), {})
        named.status = raised.status_code
        return await show(request, named(str(raised.detail)))

    site.add_exception_handler(CountersignError, ours)
    site.add_exception_handler(RequestValidationError, validation)
    site.add_exception_handler(HTTPException, http)
    site.state.show_error = show  # what nobody expected is shown by the gate, inside of which all headers are set


# -- server-sent events


def event(name: str, data: Any) -> bytes:
    """One server-sent event; *data* as one line of JSON."""
    return f"event: {name}\ndata: {dumps(data)}\n\n".encode()


class EventStream(StreamingResponse):
    """Server-sent events that no proxy buffers, with a comment whenever nothing came for *heartbeat* seconds.

    One task sends them. It is cancelled once when the reader leaves, so that what *events* still has to store is not
    cancelled too.
    """

    def __init__(self, events: AsyncGenerator[bytes, None], *, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._events = events
        self._heartbeat = heartbeat

    async def stream_response(self, send: Send) -> None:
        """Sends *events* to their end."""
        now = asyncio.get_running_loop().time
        said = now()

        async def tell(message: Message) -> None:
            nonlocal said
            said = now()
            await send(message)

        STREAMS.inc()
        sending = asyncio.create_task(self._send(tell))
        try:
            while not sending.done():
                await asyncio.wait({sending}, timeout=said + self._heartbeat - now())
                if not sending.done() and now() >= said + self._heartbeat:
                    await tell({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})
            sending.result()
        finally:
            STREAMS.dec()
            sending.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await sending

    async def _send(self, send: Send) -> None:
        async with aclosing(self._events):
            await super().stream_response(send)
