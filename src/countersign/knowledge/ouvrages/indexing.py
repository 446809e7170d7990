"""How ouvrages become searchable."""

from __future__ import annotations

from ...index import service as index
from ...kernel import sql

queries = sql.load(__package__ or "")

KIND = "ouvrage"
SOURCE = index.register(index.Source(KIND, "ouvrages", queries.read_entries, queries.entries_indexed))
