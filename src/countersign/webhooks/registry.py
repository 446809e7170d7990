"""Every event that a webhook can be told of, with the shape of its ``data``. docs/webhooks.md says the same to people.

A shape forbids what it does not name: whoever publishes more must say so here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """The ``data`` of an event."""

    model_config = ConfigDict(extra="forbid")


class MessageCreated(Shape):
    message: UUID = Field(description="The answer: GET /api/v1/messages/{uuid}.")
    status: str = Field(description="complete, degraded, stopped or failed.")


class OuvrageChanged(Shape):
    id: int = Field(description="The ouvrage: GET /api/v1/ouvrages/{id}.")
    code: str = Field(description="Its code, which an import knows it by.")


class ImportCompleted(Shape):
    id: int = Field(description="The import.")
    total: int = Field(description="Rows that the file holds.")
    inserted: int = Field(description="Rows that were new.")
    updated: int = Field(description="Rows that changed a record.")
    unchanged: int = Field(description="Rows that were there already.")
    skipped: int = Field(description="Rows left alone, as the import was told.")
    failed: int = Field(description="Rows that were refused.")


class ImportFailed(Shape):
    id: int = Field(description="The import.")
    error: str = Field(description="Why nothing was imported.")


class RowChanged(Shape):
    id: int = Field(description="The row: GET /api/v1/dynamic-tables/{table}/rows/{id}.")
    table: str = Field(description="The table of one's own that holds it.")


class WebhookTest(Shape):
    webhook: int = Field(description="The webhook that is tried.")


@dataclass(frozen=True, slots=True)
class Event:
    """One event by name. *shape* is None while no part of the product publishes it yet."""

    name: str
    about: str
    shape: type[Shape] | None = None
    example: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The event as the API describes it, with the JSON schema of its data."""
        schema = self.shape.model_json_schema() if self.shape else None
        return {"name": self.name, "about": self.about, "schema": schema, "example": self.example}


TEST = "webhook.test"
OUVRAGE: dict[str, Any] = {"id": 1204, "code": "CLO-PLA-001"}
KNOWN = (
    Event(
        "message.created",
        "An agent has answered.",
        MessageCreated,
        {"message": "0190f5f0-3c1e-7a55-9a51-0f5a2c1d9e77", "status": "complete"},
    ),
    Event("message.validated", "Somebody has put their name to an answer."),
    Event("message.rejected", "Somebody has rejected an answer."),
    Event("message.learned", "A validated answer is reused from now on."),
    Event("learned.suspended", "A learned answer is no longer used, for a record that it rests on has changed."),
    Event("ouvrage.created", "An ouvrage is new.", OuvrageChanged, OUVRAGE),
    Event("ouvrage.updated", "An ouvrage or its composition has changed.", OuvrageChanged, OUVRAGE),
    Event("ouvrage.deleted", "An ouvrage was deleted.", OuvrageChanged, OUVRAGE),
    Event(
        "import.completed",
        "A file was imported.",
        ImportCompleted,
        {"id": 7, "total": 7184, "inserted": 7000, "updated": 12, "unchanged": 150, "skipped": 0, "failed": 22},
    ),
    Event(
        "import.failed",
        "A file could not be imported, and nothing of it was.",
        ImportFailed,
        {"id": 8, "error": "prices.csv holds no rows."},
    ),
    Event(
        "product.created",
        "A row was added to a table of one's own that is named product, products, produit or produits.",
        RowChanged,
        {"id": 42, "table": "products"},
    ),
    Event("product.updated", "A row of such a table has changed.", RowChanged, {"id": 42, "table": "products"}),
    Event(
        "order.created",
        "A row was added to a table of one's own that is named order, orders, commande or commandes.",
        RowChanged,
        {"id": 9, "table": "orders"},
    ),
    Event("task.created", "A task has come in."),
    Event("run.finished", "An agent has ended its work on a task."),
    Event("validation.requested", "Somebody is asked to decide."),
    Event("validation.decided", "Somebody has decided."),
    Event("pull_request.merged", "A change was merged."),
)
EVENTS = {event.name: event for event in KNOWN}
SENT = {event.name: event.shape for event in KNOWN if event.shape} | {TEST: WebhookTest}


def check(name: str, data: Any) -> None:
    """Raises ``ValueError`` when *data* has not the documented shape of *name*."""
    SENT[name].model_validate(data)
