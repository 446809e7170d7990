"""What every request passes before any route: id, size limit, content type, security headers, figures, log line."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

import structlog
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import CountersignError, TooLarge, UnsupportedMedia
from .metrics import LATENCY, REQUESTS
from .web import problem

log = structlog.get_logger("kernel.gate")

HEADERS = {
    b"content-security-policy": b"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}
QUIET = ("/healthz", "/readyz", "/metrics", "/static/")


class Gate:
    """ASGI middleware; streams pass through untouched."""

    def __init__(
        self, app: ASGIApp, *, max_body: int, max_upload: int = 0, uploads: frozenset[str] = frozenset()
    ) -> None:
        self.app = app
        self.max_body = max_body
        self.max_upload = max_upload
        self.uploads = uploads

    def _most(self, path: str) -> int:
        """How many bytes a body may have that is sent to *path*."""
        return max(self.max_body, self.max_upload) if path in self.uploads else self.max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if re.fullmatch(r"[\w-]{8,64}", given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [(k, v) for k, v in message["headers"] if k not in HEADERS]
                message["headers"] = [*headers, *HEADERS.items(), (b"x-request-id", request_id.encode())]
                LATENCY.labels(_route(scope)).observe(time.perf_counter() - started)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                refusal = self._refusal(request)
                if refusal is not None:
                    await problem(request, refusal)(scope, receive, sending)
                else:
                    await self.app(scope, self._limited(receive, self._most(request.url.path)), sending)
            except TooLarge as error:
                if status:
                    raise
                await problem(request, error)(scope, receive, sending)
            except Exception as error:
                if status:
                    raise
                log.error("request.failed", method=request.method, path=request.url.path, exc_info=error)
                response = await scope["app"].state.show_error(request, CountersignError())
                await response(scope, receive, sending)
            finally:
                REQUESTS.labels(request.method, _route(scope), status or 499).inc()
                if not request.url.path.startswith(QUIET):
                    log.info(
                        "request",
                        method=request.method,
                        path=request.url.path,
                        status=status or 499,
                        ms=round((time.perf_counter() - started) * 1000, 1),
                    )

    def _refusal(self, request: Request) -> CountersignError | None:
        """What the head of the request alone forbids."""
        length = request.headers.get("content-length", "0")
        most = self._most(request.url.path)
        if length.isdigit() and int(length) > most:
            return TooLarge(f"The request is larger than {most:,} bytes. Send less at a time.")
        if request.method in ("POST", "PUT", "PATCH") and request.url.path.startswith(("/api/", "/v1/")):
            kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
            empty = length == "0" and "transfer-encoding" not in request.headers
            form = kind == "multipart/form-data" and request.url.path in self.uploads
            if not empty and not form and kind != "application/json":
                return UnsupportedMedia(f"Send application/json, not {kind or 'an unnamed type'}.")
        return None

    def _limited(self, receive: Receive, most: int) -> Receive:
        seen = 0

        async def receiving() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise TooLarge(f"The request is larger than {most:,} bytes. Send less at a time.")
            return message

        return receiving


def _route(scope: Scope) -> str:
    """The route's template, so that figures do not grow with every id."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", "unmatched"))
