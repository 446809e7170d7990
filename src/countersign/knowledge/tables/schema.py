"""Reads what people write as the definition of a table, and says what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

from . import refusals
from .faults import BadValue
from .models import TYPES, Column, shown
from .values import read

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
MOST_COLUMNS = 200
_SPELLED = re.compile(r"([a-z]+)(?:\((\d{1,4})(?:\s*,\s*(\d{1,4}))?\))?")
_KEYS = {"name", "type", "nullable", "indexed", "unique", "length", "precision", "scale", "default", "references"}
_FIELD = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)


def read_definition(given: Any) -> dict[str, Any]:
    """The definition as stored: columns, primary_key, indexes. Raises ``BadDefinition``, naming the place."""
    if not isinstance(given, dict):
        raise refusals.NotADefinition()
    whole = cast("dict[str, Any]", given)
    if unknown := set(whole) - {"columns", "primary_key", "indexes"}:
        raise refusals.NoSuchPart(part=shown(min(unknown)))
    if whole.get("primary_key", "id") != "id":
        raise refusals.OtherKey()
    listed = whole.get("columns")
    if not isinstance(listed, list) or not 0 < len(cast("list[Any]", listed)) <= MOST_COLUMNS:
        raise refusals.BadColumns(most=MOST_COLUMNS)
    columns = [read_column(column) for column in cast("list[Any]", listed)]
    names = [column.name for column in columns]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise refusals.DoubledColumn(column=doubled[0])
    return {
        "columns": [column.as_json() for column in columns],
        "primary_key": "id",
        "indexes": _indexes(whole.get("indexes", []), columns),
    }


def read_column(given: Any) -> Column:
    """One column. Raises ``BadDefinition``."""
    if not isinstance(given, dict):
        raise refusals.NotAColumn()
    told = {key: value for key, value in cast("dict[str, Any]", given).items() if value is not None}
    name = told.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise refusals.BadName(column=shown(name))
    if unknown := set(told) - _KEYS:
        raise refusals.NoSuchProperty(column=name, part=shown(min(unknown)))
    match = _SPELLED.fullmatch(str(told.get("type", "")))
    if match is None or match[1] not in TYPES or (match[2] and match[1] not in ("string", "decimal")):
        raise refusals.NoSuchType(column=name)
    kind = match[1]
    length = precision = scale = None
    if kind == "string":
        length = _whole(name, "length", match[2] or told.get("length", 255), 1, 10_000)
    elif kind == "decimal":
        precision = _whole(name, "precision", match[2] or told.get("precision", 15), 1, 100)
        scale = _whole(name, "scale", match[3] or (0 if match[2] else told.get("scale", 4)), 0, precision)
    for flag in ("nullable", "indexed", "unique"):
        if not isinstance(told.get(flag, False), bool):
            raise refusals.NotAFlag(column=name, part=flag)
    column = Column(
        name=name,
        type=kind,
        nullable=told.get("nullable", True),
        indexed=told.get("indexed", False),
        unique=told.get("unique", False),
        length=length,
        precision=precision,
        scale=scale,
        references=_reference(name, kind, told.get("references")),
    )
    if kind == "json" and (column.indexed or column.unique):
        raise refusals.JsonIndexed(column=name)
    try:
        return replace(column, default=read(column, told.get("default")))
    except BadValue as error:
        raise refusals.BadDefault(column=name, why=error.detail) from error


def check_template(template: str | None, columns: list[Column]) -> str | None:
    """*template* if each of its ``{{column}}`` is a column; None for an empty one. Raises ``BadDefinition``."""
    if template is None or not template.strip():
        return None
    names = {column.name for column in columns}
    for field in _FIELD.findall(template):
        if field not in names:
            raise refusals.UnknownInTemplate(column=shown(field), columns=", ".join(sorted(names)))
    if not _FIELD.search(template):
        raise refusals.EmptyTemplate()
    return template


def renamed(template: str | None, old: str, new: str) -> str | None:
    """*template* with a column under its new name."""
    return template and re.sub(rf"\{{\{{\s*{re.escape(old)}\s*\}}\}}", "{{" + new + "}}", template)


def uses(template: str | None, column: str) -> bool:
    """Whether *template* names *column*."""
    return column in _FIELD.findall(template or "")


def _indexes(given: Any, columns: list[Column]) -> list[list[str]]:
    kinds = {column.name: column.type for column in columns}
    if not isinstance(given, list):
        raise refusals.BadIndexes()
    found: list[list[str]] = []
    for index in cast("list[Any]", given):
        names = cast("list[Any]", index) if isinstance(index, list) else []
        if not 0 < len(names) <= 8 or any(
            not isinstance(name, str) or kinds.get(name, "json") == "json" for name in names
        ):
            raise refusals.BadIndex()
        found.append(names)
    return found[:50]


def _reference(name: str, kind: str, given: Any) -> str | None:
    if given is None:
        return None
    target: Any = cast("dict[str, Any]", given).get("table") if isinstance(given, dict) else given
    if isinstance(given, dict) and cast("dict[str, Any]", given).get("column", "id") != "id":
        raise refusals.ReferenceElsewhere(column=name)
    if not isinstance(target, str) or not NAME.fullmatch(target):
        raise refusals.BadReference(column=name)
    if kind != "integer":
        raise refusals.ReferenceNotInteger(column=name)
    return target


def _whole(name: str, what: str, value: Any, least: int, most: int) -> int:
    if (
        isinstance(value, bool)
        or not str(value).isascii()
        or not str(value).isdigit()
        or not least <= int(value) <= most
    ):
        raise refusals.BadSize(column=name, part=what, least=least, most=most)
    return int(value)
