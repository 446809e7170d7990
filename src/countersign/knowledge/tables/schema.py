"""Reads what people write as the definition of a table, and says what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

from .faults import BadValue
from .models import TYPES, BadDefinition, Column, shown
from .values import read

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
MOST_COLUMNS = 200
_SPELLED = re.compile(r"([a-z]+)(?:\((\d{1,4})(?:\s*,\s*(\d{1,4}))?\))?")
_KEYS = {"name", "type", "nullable", "indexed", "unique", "length", "precision", "scale", "default", "references"}
_FIELD = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)


def read_definition(given: Any) -> dict[str, Any]:
    """The definition as stored: columns, primary_key, indexes. Raises ``BadDefinition``, naming the place."""
    if not isinstance(given, dict):
        raise BadDefinition("A definition is an object with “columns”.")
    whole = cast("dict[str, Any]", given)
    if unknown := set(whole) - {"columns", "primary_key", "indexes"}:
        raise BadDefinition(f"A definition has no “{shown(min(unknown))}”: it has columns, primary_key, indexes.")
    if whole.get("primary_key", "id") != "id":
        raise BadDefinition("The primary key is “id”; it is made by itself. Mark a column of your own as unique.")
    listed = whole.get("columns")
    if not isinstance(listed, list) or not 0 < len(cast("list[Any]", listed)) <= MOST_COLUMNS:
        raise BadDefinition(f"“columns” is a list of 1 to {MOST_COLUMNS} columns.")
    columns = [read_column(column) for column in cast("list[Any]", listed)]
    names = [column.name for column in columns]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise BadDefinition(f"There are two columns “{doubled[0]}”.")
    return {
        "columns": [column.as_json() for column in columns],
        "primary_key": "id",
        "indexes": _indexes(whole.get("indexes", []), columns),
    }


def read_column(given: Any) -> Column:
    """One column. Raises ``BadDefinition``."""
    if not isinstance(given, dict):
        raise BadDefinition("A column is an object with “name” and “type”.")
    told = {key: value for key, value in cast("dict[str, Any]", given).items() if value is not None}
    name = told.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadDefinition(
            f"The name “{shown(name)}” is not possible: small letters, digits and _, a letter first, 63 at most."
        )
    if unknown := set(told) - _KEYS:
        raise BadDefinition(f"{name}: a column has no “{shown(min(unknown))}”.")
    match = _SPELLED.fullmatch(str(told.get("type", "")))
    if match is None or match[1] not in TYPES or (match[2] and match[1] not in ("string", "decimal")):
        raise BadDefinition(
            f"{name}: the type is one of string(n), text, integer, decimal(p,s), boolean, date, datetime, json."
        )
    kind = match[1]
    length = precision = scale = None
    if kind == "string":
        length = _whole(name, "length", match[2] or told.get("length", 255), 1, 10_000)
    elif kind == "decimal":
        precision = _whole(name, "precision", match[2] or told.get("precision", 15), 1, 100)
        scale = _whole(name, "scale", match[3] or (0 if match[2] else told.get("scale", 4)), 0, precision)
    for flag in ("nullable", "indexed", "unique"):
        if not isinstance(told.get(flag, False), bool):
            raise BadDefinition(f"{name}: “{flag}” is true or false.")
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
        raise BadDefinition(f"{name}: a json column has no index.")
    try:
        return replace(column, default=read(column, told.get("default")))
    except BadValue as error:
        raise BadDefinition(f"{name}: the default {error.detail}.") from error


def check_template(template: str | None, columns: list[Column]) -> str | None:
    """*template* if each of its ``{{column}}`` is a column; None for an empty one. Raises ``BadDefinition``."""
    if template is None or not template.strip():
        return None
    names = {column.name for column in columns}
    for field in _FIELD.findall(template):
        if field not in names:
            raise BadDefinition(
                f"The template names “{shown(field)}”, which is no column. There are: {', '.join(sorted(names))}."
            )
    if not _FIELD.search(template):
        raise BadDefinition("The template names no column. Write one as {{name}}.")
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
        raise BadDefinition("“indexes” is a list of lists of columns.")
    found: list[list[str]] = []
    for index in cast("list[Any]", given):
        names = cast("list[Any]", index) if isinstance(index, list) else []
        if not 0 < len(names) <= 8 or any(
            not isinstance(name, str) or kinds.get(name, "json") == "json" for name in names
        ):
            raise BadDefinition("Each of “indexes” is a list of 1 to 8 columns that exist and are not json.")
        found.append(names)
    return found[:50]


def _reference(name: str, kind: str, given: Any) -> str | None:
    if given is None:
        return None
    target: Any = cast("dict[str, Any]", given).get("table") if isinstance(given, dict) else given
    if isinstance(given, dict) and cast("dict[str, Any]", given).get("column", "id") != "id":
        raise BadDefinition(f"{name}: a reference is to the id of another table.")
    if not isinstance(target, str) or not NAME.fullmatch(target):
        raise BadDefinition(f"{name}: “references” names another table.")
    if kind != "integer":
        raise BadDefinition(f"{name}: a column that refers to another table is an integer.")
    return target


def _whole(name: str, what: str, value: Any, least: int, most: int) -> int:
    if (
        isinstance(value, bool)
        or not str(value).isascii()
        or not str(value).isdigit()
        or not least <= int(value) <= most
    ):
        raise BadDefinition(f"{name}: “{what}” is a whole number from {least} to {most}.")
    return int(value)
