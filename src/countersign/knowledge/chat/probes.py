"""Validated questions as the measure of a new index: what their answers cite must be found again."""

from __future__ import annotations

from ...index import service as index
from ...kernel import sql
from ...kernel.database import Tx

queries = sql.load(__package__ or "")


@index.probe_with
async def validated(tx: Tx, collection: str) -> list[index.Probe]:
    """The newest questions to agents of *collection* whose answers a person validated, with the entries they cite."""
    return await tx.all(index.Probe, queries.validated_questions, collection=collection)
