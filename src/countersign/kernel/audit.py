"""The audit trail: who did what to what, from where; secrets masked, rows never changed."""

from __future__ import annotations

from numbers import Number
from typing import Any

from . import sql
from .database import Tx
from .json import dumps

queries = sql.load(__package__ or "")
SECRET_WORDS = ("password", "secret", "token", "api_key", "ciphertext", "authorization")


def masked(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """*values* with everything that is named like a secret replaced by ``***``, at any depth."""
    if values is None:
        return None
    return {key: _mask(key, value) for key, value in values.items()}


def _mask(key: str, value: Any) -> Any:
    # Numbers and flags show: ``tokens_prompt`` counts, ``has_token`` says.
    if any(word in key.lower() for word in SECRET_WORDS) and value is not None and not isinstance(value, Number):
        return "***"
    if isinstance(value, dict):
        return {str(k): _mask(str(k), v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, (list, tuple)):
        return [_mask("", part) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return value


async def audit(
    tx: Tx,
    action: str,
    kind: str,
    row_id: int | None,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    tags: tuple[str, ...] = (),
) -> None:
    """Writes one line beside the change itself, in the same transaction, in the name of the transaction's caller."""
    caller = tx.caller
    await tx.run(
        queries.add_audit,
        user_id=caller.user_id if caller else None,
        email=caller.email if caller else None,
        ip=caller.ip if caller else None,
        agent=caller.user_agent if caller else None,
        action=action,
        type=kind,
        id=row_id,
        old=dumps(masked(old)) if old is not None else None,
        new=dumps(masked(new)) if new is not None else None,
        tags=list(tags),
    )
