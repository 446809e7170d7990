"""JSON as the product writes it: ``Decimal`` as a string (no float touches a price), UTC times, UUIDs."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias
from uuid import UUID

Json: TypeAlias = "bool | int | str | float | list[Json] | dict[str, Json] | None"


def _plain(value: Any) -> Any:
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    raise TypeError(f"{type(value).__name__} has no JSON form")


ENCODER = json.JSONEncoder(default=_plain, ensure_ascii=False, separators=(",", ":"))


def dumps(value: Any) -> str:
    """Compact JSON text; characters stay readable."""
    return ENCODER.encode(value)


def loads(text: str | bytes) -> Any:
    """The value of a JSON text."""
    return json.loads(text)
