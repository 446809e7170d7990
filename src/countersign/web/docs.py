"""The API on a page that people can read, drawn from the OpenAPI document itself: no viewer, no foreign script."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from fastapi import Request
from fastapi.responses import Response

from ..kernel.web import PUBLIC, Router, maybe_caller
from .layout import page

routes = Router(include_in_schema=False)
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter, or one property of a body. ``depth`` counts the objects around it."""

    name: str
    kind: str
    where: str
    required: bool
    about: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    ident: str
    method: str
    path: str
    summary: str
    about: str
    permission: str
    fields: list[Field]
    answers: list[tuple[str, str, list[Field]]] = field(default_factory=list[tuple[str, str, list[Field]]])


@routes.on("GET /api/docs", permission=PUBLIC)
async def show(request: Request) -> Response:
    """Every operation of the API, by room."""
    await maybe_caller(request)  # who is signed in keeps the rail
    document = cast("dict[str, Any]", request.app.openapi())
    return page(request, "web/api.html", document=document, groups=groups(document))


def groups(document: dict[str, Any]) -> dict[str, list[Operation]]:
    """Operations of an OpenAPI 3.1 *document* by their first tag, in the document's order."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document.get("paths", {}).items():
        for method in METHODS:
            if operation := methods.get(method):
                tag = (operation.get("tags") or ["other"])[0]
                found.setdefault(tag, []).append(_operation(document, method, path, operation))
    return found


def _operation(document: dict[str, Any], method: str, path: str, given: dict[str, Any]) -> Operation:
    fields = [
        Field(
            p["name"],
            _kind(document, p.get("schema", {})),
            p["in"],
            bool(p.get("required")),
            p.get("description") or p.get("schema", {}).get("description", ""),
        )
        for p in (_resolve(document, p) for p in given.get("parameters", []))
    ]
    for content in given.get("requestBody", {}).get("content", {}).values():
        fields += _properties(document, content.get("schema", {}), "body")
    answers: list[tuple[str, str, list[Field]]] = []
    for status, answer in given.get("responses", {}).items():
        schemas = [c.get("schema", {}) for c in answer.get("content", {}).values()]
        shape = [f for schema in schemas for f in _properties(document, schema, "answer")]
        answers.append((status, answer.get("description", ""), shape))
    return Operation(
        given.get("operationId", f"{method}{path}"),
        method.upper(),
        path,
        given.get("summary", ""),
        given.get("description", ""),
        given.get("x-permission", ""),
        fields,
        answers,
    )


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """*schema* with its ``$ref`` followed."""
    seen = 0
    while (ref := schema.get("$ref")) and seen < 20:
        found: Any = document
        for part in ref.removeprefix("#/").split("/"):
            found = found.get(part, {})
        schema, seen = found, seen + 1
    return schema


def _kind(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """The type in a few words: ``string (uuid)``, ``integer | null``, ``array of Hit``."""
    if name := schema.get("$ref", "").rsplit("/", 1)[-1]:
        target = _resolve(document, schema)
        return name if target.get("type", "object") == "object" else _kind(document, target)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " | ".join(dict.fromkeys(_kind(document, choice) for choice in choices))
    if "enum" in schema or "const" in schema:
        return " | ".join(f"“{value}”" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"array of {_kind(document, schema.get('items', {}))}"
    return f"{kind} ({schema['format']})" if schema.get("format") else str(kind)


def _properties(document: dict[str, Any], schema: dict[str, Any], where: str, depth: int = 0) -> list[Field]:
    """Properties of an object, with those of the objects in it, three deep."""
    schema = _resolve(document, schema)
    for choice in schema.get("anyOf", []):
        if _resolve(document, choice).get("properties"):
            return _properties(document, choice, where, depth)
    if schema.get("type") == "array":
        return _properties(document, schema.get("items", {}), where, depth)
    found: list[Field] = []
    for name, inner in schema.get("properties", {}).items():
        about = inner.get("description") or _resolve(document, inner).get("description", "")
        found.append(Field(name, _kind(document, inner), where, name in schema.get("required", []), about, depth))
        if depth < 2:
            found += _properties(document, inner, where, depth + 1)
    return found
