"""What the forms of users' tables send, read into what the service takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from starlette.datastructures import FormData

from ...kernel.json import dumps
from .models import Table
from .schema import MOST_COLUMNS


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the editor of columns, as text."""

    name: str = ""
    type: str = "string"
    size: str = ""
    required: bool = False
    unique: bool = False
    indexed: bool = False
    default: str = ""
    references: str = ""


def read_lines(form: FormData) -> list[Line]:
    """The lines ``c0-name``, ``c0-type``…, until one is missing."""
    found: list[Line] = []
    while len(found) <= MOST_COLUMNS and f"c{len(found)}-name" in form:
        at = f"c{len(found)}-"
        found.append(
            Line(
                name=str(form.get(f"{at}name", "")),
                type=str(form.get(f"{at}type", "")),
                size=str(form.get(f"{at}size", "")),
                required=f"{at}required" in form,
                unique=f"{at}unique" in form,
                indexed=f"{at}indexed" in form,
                default=str(form.get(f"{at}default", "")),
                references=str(form.get(f"{at}references", "")),
            )
        )
    return found


def column_of(line: Line) -> dict[str, Any]:
    """A line as a column of a definition; the size is written in the type: ``10,2``."""
    sized = line.type in ("string", "decimal") and line.size.strip()
    told: dict[str, Any] = {
        "name": line.name.strip(),
        "type": f"{line.type}({line.size.strip()})" if sized else line.type,
        "nullable": not line.required,
        "unique": line.unique,
        "indexed": line.indexed,
    }
    if line.default.strip():
        told["default"] = line.default.strip()
    if line.references:
        told |= {"type": "integer", "references": line.references}
    return told


def read_row(of: Table, form: FormData) -> dict[str, Any]:
    """Values by column; an empty field is an empty value, a box that is not ticked says no."""
    found: dict[str, Any] = {}
    for column in of.columns:
        given = form.get(f"v-{column.name}")
        if given is not None:
            text = str(given).replace("\r\n", "\n")
            found[column.name] = text if text.strip() else None
    return found


def texts(of: Table, values: Mapping[str, Any]) -> dict[str, str]:
    """Values as the fields of a form show them."""
    return {column.name: _text(values.get(column.name)) for column in of.columns}


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else dumps(value)
