"""How passages become searchable."""

from __future__ import annotations

from ...index import service as index
from ...kernel import sql

queries = sql.load(__package__ or "")

KIND = "document"
SOURCE = index.register(index.Source(KIND, "document_chunks", queries.read_entries, within=queries.within))
