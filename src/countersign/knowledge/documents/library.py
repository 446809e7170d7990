"""The product's own user documentation in French, which the support agent answers from."""

from __future__ import annotations

from importlib import resources

from ...kernel.database import Tx
from . import service
from .models import NewDocument

COLLECTION = "agent_support_docs"


def front_matter(text: str) -> tuple[dict[str, str], str]:
    """``key: value`` lines between two ``---``, and the Markdown below them."""
    if not text.startswith("---\n"):
        return {}, text
    head, _, body = text[4:].partition("\n---\n")
    pairs = (line.partition(":") for line in head.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}, body.lstrip()


async def load_demonstration(tx: Tx) -> int:
    """Adds what is new of the documentation; returns how many documents. Safe to repeat."""
    added = 0
    for file in sorted(resources.files(__package__ or "").joinpath("demo").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".md"):
            head, body = front_matter(file.read_text(encoding="utf-8"))
            new = NewDocument(
                collection=COLLECTION,
                title=head.get("title", file.name.removesuffix(".md")),
                source=f"documentation/{file.name}",
                content=body,
                category=head.get("category"),
                url=head.get("url"),
            )
            added += await service.add(tx, new) is not None
    return added
