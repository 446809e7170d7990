"""``countersign qdrant``: the same commands as ``countersign index``, whichever backend holds the vectors."""

from __future__ import annotations

from .index import app

__all__ = ["app"]
