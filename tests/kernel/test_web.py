"""The web glue: who may call, what is refused at the gate, errors in one shape, streams that stay alive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Form, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, Field

from countersign.kernel.access import Caller, TenantId
from countersign.kernel.errors import Conflict, CountersignError, TooManyRequests, Unavailable
from countersign.kernel.gate import Gate
from countersign.kernel.metrics import STREAMS
from countersign.kernel.web import PUBLIC, SIGNED_IN, Clean, EventStream, Router, Who, event, install_errors

CSRF = "c" * 32


class Body(BaseModel):
    text: Annotated[Clean, Field(max_length=100)]


def site(caller: Caller | None = None, csrf: str | None = None, *, max_body: int = 10_000) -> FastAPI:
    """A site with one route of every kind, called by *caller*; *csrf* makes it a browser's session."""
    routes = Router()

    @routes.on("GET /public", permission=PUBLIC)
    async def public() -> str:
        return "open"

    @routes.on("GET /me", permission=SIGNED_IN)
    async def me(caller: Who) -> str | None:
        return caller.email

    @routes.on("GET /api/v1/agents/{number}", permission="agents.view")
    async def agent(number: int) -> int:
        return number

    @routes.on("POST /api/v1/agents", permission="agents.create", status_code=201)
    async def create(body: Body) -> str:
        return body.text

    @routes.on("POST /form", permission="agents.create")
    async def form(text: Annotated[str, Form()] = "") -> str:
        return text

    @routes.on("GET /api/v1/fails", permission=PUBLIC)
    async def fails(how: str) -> None:
        raise {
            "conflict": Conflict("Ada was faster.", by="Ada"),
            "busy": TooManyRequests(retry_after=7),
            "away": Unavailable(),
            "bug": RuntimeError("secret detail"),
        }[how]

    @routes.on("GET /page", permission=SIGNED_IN)
    async def page() -> None:
        raise Conflict("On a page.")

    app = FastAPI()

    async def authenticate(request: Request) -> Caller | None:
        request.state.csrf = csrf
        return caller

    async def render(request: Request, error: CountersignError) -> Response:
        return PlainTextResponse(f"page: {error.detail}", error.status)

    app.state.authenticate = authenticate
    app.state.render_error = render
    install_errors(app)
    app.include_router(routes)
    app.add_middleware(Gate, max_body=max_body)
    return app


def client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://site.test")


def who(*permissions: str) -> Caller:
    return Caller(TenantId(1), email="ada@x.example", permissions=frozenset(permissions))


# -- who may call


@pytest.mark.parametrize(
    ("caller", "path", "status"),
    [
        (None, "/public", 200),
        (None, "/me", 401),
        (None, "/api/v1/agents/1", 401),
        (who(), "/me", 200),
        (who(), "/api/v1/agents/1", 403),
        (who("agents.create"), "/api/v1/agents/1", 403),
        (who("agents.view"), "/api/v1/agents/1", 200),
    ],
)
async def test_permissions(caller: Caller | None, path: str, status: int) -> None:
    async with client(site(caller)) as http:
        reply = await http.get(path, headers={"accept": "application/json"})
    assert reply.status_code == status
    if status == 403:
        assert reply.json()["permission"] == "agents.view"
        assert "agents.view" in reply.json()["detail"]


async def test_permission_comes_before_the_body() -> None:
    """Who may not create learns nothing of what a body should hold."""
    async with client(site(who())) as http:
        assert (await http.post("/api/v1/agents", json={})).status_code == 403


async def test_the_document_names_the_permission_of_each_route() -> None:
    async with client(site()) as http:
        document = (await http.get("/openapi.json")).json()
    assert document["paths"]["/api/v1/agents/{number}"]["get"]["x-permission"] == "agents.view"
    assert document["paths"]["/public"]["get"]["x-permission"] == "public"
    assert "422" not in document["paths"]["/api/v1/agents"]["post"]["responses"]


# -- requests forged by another site


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"x-csrf-token": "wrong"}, 403),
        ({"x-csrf-token": ""}, 403),
        ({"x-csrf-token": CSRF}, 200),
        ({"x-csrf-token": CSRF, "sec-fetch-site": "same-origin"}, 200),
        ({"x-csrf-token": CSRF, "sec-fetch-site": "same-site"}, 403),
        ({"x-csrf-token": CSRF, "sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_a_browsers_change_carries_its_token(headers: dict[str, str], status: int) -> None:
    async with client(site(who("agents.create"), CSRF)) as http:
        assert (await http.post("/form", data={"text": "x"}, headers=headers)).status_code == status


async def test_a_form_may_carry_it_and_is_still_read() -> None:
    async with client(site(who("agents.create"), CSRF)) as http:
        reply = await http.post("/form", data={"text": "read", "csrf": CSRF})
        assert (reply.status_code, reply.json()) == (200, "read")
        assert (await http.post("/form", data={"text": "x", "csrf": "wrong"})).status_code == 403


async def test_a_token_needs_none_and_reading_needs_none() -> None:
    async with client(site(who("agents.create"), None)) as http:
        assert (await http.post("/form", data={"text": "x"})).status_code == 200
    async with client(site(who("agents.view"), CSRF)) as http:
        assert (await http.get("/api/v1/agents/1")).status_code == 200


# -- errors


@pytest.mark.parametrize(
    ("how", "status", "code", "detail"),
    [
        ("conflict", 409, "conflict", "Ada was faster."),
        ("busy", 429, "too-many-requests", "Too many requests."),
        ("away", 503, "unavailable", "A service"),
        ("bug", 500, "countersign-error", "Something went wrong here."),
    ],
)
async def test_problem_details(how: str, status: int, code: str, detail: str) -> None:
    async with client(site()) as http:
        reply = await http.get(f"/api/v1/fails?how={how}", headers={"x-request-id": "request-12345"})
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"].startswith(detail)
    assert problem["instance"] == "/api/v1/fails"
    assert problem["request_id"] == "request-12345"
    assert "secret detail" not in reply.text
    if how == "conflict":
        assert problem["by"] == "Ada"
    if how == "busy":
        assert reply.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("accept", "json_answer"),
    [("text/html,*/*", False), ("*/*", False), ("application/json", True), ("text/html,application/json", False)],
)
async def test_a_page_gets_a_page(accept: str, json_answer: bool) -> None:
    async with client(site(who())) as http:
        reply = await http.get("/page", headers={"accept": accept})
    assert reply.status_code == 409
    assert (reply.headers["content-type"] == "application/problem+json") is json_answer
    if not json_answer:
        assert reply.text == "page: On a page."


@pytest.mark.parametrize(
    ("method", "path", "content", "kind", "status"),
    [
        ("POST", "/api/v1/agents", b'{"text": "x"}', "application/json", 201),
        ("POST", "/api/v1/agents", b'{"text": "x"}', "application/json; charset=utf-8", 201),
        ("POST", "/api/v1/agents", b'{"text": "x"}', "text/plain", 415),
        ("POST", "/api/v1/agents", b'{"text": "x"}', None, 415),
        ("POST", "/api/v1/agents", b"text=x", "application/x-www-form-urlencoded", 415),
        ("POST", "/api/v1/agents", b'{"text": ', "application/json", 400),
        ("POST", "/api/v1/agents", b"\xff\xfe", "application/json", 400),
        ("POST", "/api/v1/agents", b"", "application/json", 422),
        ("POST", "/api/v1/agents", b"[]", "application/json", 422),
        ("POST", "/api/v1/agents", b'{"text": 3}', "application/json", 422),
        ("POST", "/api/v1/agents", b'{"text": "a\\u0000b"}', "application/json", 422),
        ("POST", "/api/v1/agents", b'{"text": "a\\u001bb"}', "application/json", 422),
        ("POST", "/api/v1/agents", b'{"text": "a\\ud800b"}', "application/json", 422),
        ("POST", "/api/v1/agents", b'{"text": "tab\\tand\\nline"}', "application/json", 201),
        ("POST", "/api/v1/agents", b'{"text": "%s"}' % (b"x" * 101), "application/json", 422),
        ("POST", "/api/v1/agents", b'{"text": "%s"}' % (b"x" * 10_000), "application/json", 413),
        ("POST", "/api/v1/agents", b"[" * 9_000, "application/json", 400),
        ("DELETE", "/api/v1/agents", b"", None, 405),
        ("GET", "/api/v1/agents/x", b"", None, 422),
        ("GET", "/api/v1/nothing", b"", None, 404),
    ],
)
async def test_bad_requests(method: str, path: str, content: bytes, kind: str | None, status: int) -> None:
    headers = {"content-type": kind} if kind else {}
    async with client(site(who("agents.create", "agents.view"))) as http:
        reply = await http.request(method, path, content=content, headers=headers)
    assert reply.status_code == status, reply.text
    if status >= 400:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["detail"]


async def test_a_body_of_unknown_length_is_cut_off_too() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    headers = {"content-type": "application/json"}
    async with client(site(who("agents.create"))) as http:
        reply = await http.post("/api/v1/agents", content=endless(), headers=headers)
        assert reply.status_code == 413
        reply = await http.post(
            "/form", content=endless(), headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert reply.status_code == 413


# -- what every answer carries


async def test_headers_of_every_answer() -> None:
    async with client(site()) as http:
        for path in ("/public", "/api/v1/nothing", "/api/v1/fails?how=bug"):
            headers = (await http.get(path)).headers
            policy = headers["content-security-policy"]
            assert "script-src 'self'" in policy and "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert len(headers["x-request-id"]) == 32


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space", "a<script>b", ""])
async def test_a_request_id_that_is_none_is_replaced(given: str) -> None:
    async with client(site()) as http:
        assert (await http.get("/public", headers={"x-request-id": given})).headers["x-request-id"] != given


# -- server-sent events


async def test_events_on_the_wire() -> None:
    assert event("token", {"text": "é\n"}) == 'event: token\ndata: {"text":"é\\n"}\n\n'.encode()


BEAT = b": still here\n\n"


async def read(
    events: AsyncGenerator[bytes, None], *, heartbeat: float = 15, seen: list[bytes] | None = None
) -> list[bytes]:
    seen = [] if seen is None else seen

    async def send(message: Any) -> None:
        seen.append(message.get("body", b""))

    await EventStream(events, heartbeat=heartbeat).stream_response(send)
    assert (seen[0], seen[-1]) == (b"", b""), "the head, and the end that says so"
    return seen[1:-1]


async def test_silence_is_filled_with_heartbeats() -> None:
    seen: list[bytes] = []

    async def slow() -> AsyncGenerator[bytes, None]:
        yield event("start", {})
        while seen.count(BEAT) < 2:
            await asyncio.sleep(0.01)
        yield event("done", {})

    first, *beats, last = await read(slow(), heartbeat=0.05, seen=seen)
    assert (first, set(beats), last) == (event("start", {}), {BEAT}, event("done", {}))
    response = EventStream(slow())
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"


async def test_a_reader_who_leaves_stops_the_work() -> None:
    begun: list[int] = []
    ended: list[str] = []

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                begun.append(1)
                yield event("token", {})
                await asyncio.sleep(0.01)
        except (asyncio.CancelledError, GeneratorExit):
            ended.append("stopped")
            raise
        finally:
            ended.append("closed")
            await asyncio.sleep(0.01)
            ended.append("stored")

    def opened() -> float:
        return STREAMS._value.get()  # pyright: ignore[reportPrivateUsage]

    before = opened()
    reading = asyncio.create_task(read(endless()))
    while opened() == before or not begun:
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert ended == ["stopped", "closed", "stored"]
    assert opened() == before


async def test_a_failure_in_the_middle_ends_the_stream() -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield event("start", {})
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        await read(broken(), heartbeat=1)


async def test_figures_name_the_route_not_the_address() -> None:
    from countersign.kernel.metrics import exposition

    async with client(site(who("agents.view"))) as http:
        await http.get("/api/v1/agents/123456")
        await http.get("/api/v1/nothing/123456")
    text = exposition()[0].decode()
    assert 'route="/api/v1/agents/{number}"' in text
    assert "123456" not in text


async def test_one_line_of_log_a_request(capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    import logging

    import structlog

    from countersign.kernel import logs

    root = logging.getLogger()
    handlers, level, configuration = root.handlers, root.level, structlog.get_config()
    try:
        logs.configure(settings.model_copy(update={"log_format": "json"}))
        async with client(site()) as http:
            await http.get("/public?password=hush", headers={"x-request-id": "request-12345"})
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finally:
        root.handlers, root.level = handlers, level
        structlog.configure(**configuration)
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/public", 200)
    assert line["request_id"] == "request-12345"
    assert "hush" not in str(lines)
