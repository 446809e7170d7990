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
    status: str = Field(description="complete, stopped or failed.")


class MessageValidated(Shape):
    message: UUID = Field(description="The answer: GET /api/v1/messages/{uuid}.")
    corrected: bool = Field(description="Whether another text stands in its place.")


class MessageRejected(Shape):
    message: UUID = Field(description="The answer: GET /api/v1/messages/{uuid}.")
    reason: str = Field(description="Why, as it was written down.")


class MessageLearned(Shape):
    message: UUID | None = Field(description="The answer that was learned; null for one that was written by hand.")
    learned: int = Field(description="The learned answer: GET /api/v1/learned-responses/{id}.")
    agent: str = Field(description="The agent that answers with it.")


class LearnedSuspended(MessageLearned):
    reason: str = Field(description="The records that changed, and what changed in them.")


class Ouvrage(Shape):
    id: int = Field(description="The ouvrage: GET /api/v1/ouvrages/{id}.")
    code: str = Field(description="Its code, which an import knows it by.")
    name: str = Field(description="Its name.")
    type: str = Field(description="compose, simple, fourniture or main_oeuvre.")
    unit: str = Field(description="The unit of its price.")
    unit_price: str | None = Field(description="Its price as exact decimal text.")
    currency: str = Field(description="The currency of its price.")


class OuvrageUpdated(Ouvrage):
    changed: list[str] = Field(description="Names of the fields that changed; components is its composition.")
    old_unit_price: str | None = Field(description="Its price before.")


class Document(Shape):
    id: int = Field(description="The document's number.")
    uuid: UUID = Field(description="The document: GET /api/v1/documents/{uuid}.")
    title: str = Field(description="Its title.")
    source: str = Field(description="The file or address that it came from.")
    collection: str = Field(description="The collection that agents find it in.")
    status: str = Field(description="ready or failed.")
    error: str | None = Field(description="Why it could not be read.")


class Import(Shape):
    id: int = Field(description="The import.")


class ImportCompleted(Import):
    total: int = Field(description="Rows that the file holds.")
    inserted: int = Field(description="Rows that were new.")
    updated: int = Field(description="Rows that changed a record.")
    unchanged: int = Field(description="Rows that were there already.")
    skipped: int = Field(description="Rows left alone, as the import was told.")
    failed: int = Field(description="Rows that were refused.")


class ImportFailed(Import):
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
OUVRAGE: dict[str, Any] = {
    "id": 1204,
    "code": "CLO-PLA-001",
    "name": "Cloison 72/48",
    "type": "compose",
    "unit": "m²",
    "unit_price": "45.5000",
    "currency": "EUR",
}
LEARNED: dict[str, Any] = {"message": "0190f5f0-3c1e-7a55-9a51-0f5a2c1d9e77", "learned": 17, "agent": "expert-btp"}
DOCUMENT: dict[str, Any] = {
    "id": 31,
    "uuid": "0190f5f0-3c1e-7a55-9a51-0f5a2c1d9e78",
    "title": "Notice de pose",
    "source": "notice.pdf",
    "collection": "agent_support_docs",
    "status": "ready",
    "error": None,
}
PRODUCT: dict[str, Any] = {"id": 42, "table": "products"}
ORDER: dict[str, Any] = {"id": 9, "table": "orders"}
ROW: dict[str, Any] = {"id": 3, "table": "chantiers"}
KNOWN = (
    Event(
        "message.created",
        "An agent has answered.",
        MessageCreated,
        {"message": "0190f5f0-3c1e-7a55-9a51-0f5a2c1d9e77", "status": "complete"},
    ),
    Event(
        "message.validated",
        "Somebody has put their name to an answer.",
        MessageValidated,
        {"message": "0190f5f0-3c1e-7a55-9a51-0f5a2c1d9e77", "corrected": False},
    ),
    Event(
        "message.rejected",
        "Somebody has rejected an answer.",
        MessageRejected,
        {"message": "0190f5f0-3c1e-7a55-9a51-0f5a2c1d9e77", "reason": "The price is per m², not per m."},
    ),
    Event("message.learned", "A validated answer is reused from now on.", MessageLearned, LEARNED),
    Event(
        "learned.suspended",
        "A learned answer is no longer used, for a record that it rests on has changed.",
        LearnedSuspended,
        {**LEARNED, "reason": "CLO-PLA-001 (unit_price)"},
    ),
    Event("ouvrage.created", "An ouvrage is new.", Ouvrage, OUVRAGE),
    Event(
        "ouvrage.updated",
        "Somebody has changed an ouvrage or its composition. An import tells import.completed instead.",
        OuvrageUpdated,
        {**OUVRAGE, "changed": ["unit_price"], "old_unit_price": "44.9000"},
    ),
    Event("ouvrage.deleted", "An ouvrage was deleted.", Ouvrage, OUVRAGE),
    Event("document.created", "A document can be quoted.", Document, DOCUMENT),
    Event("document.updated", "A document has taken the place of an earlier one.", Document, DOCUMENT),
    Event("document.deleted", "A document was deleted.", Document, DOCUMENT),
    Event(
        "document.failed",
        "A file could not be read as a document.",
        Document,
        {**DOCUMENT, "status": "failed", "error": "This PDF holds no text."},
    ),
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
        "A row was added to a table named product, products, produit or produits.",
        RowChanged,
        PRODUCT,
    ),
    Event("product.updated", "A row of such a table has changed.", RowChanged, PRODUCT),
    Event("product.deleted", "A row of such a table was deleted.", RowChanged, PRODUCT),
    Event("order.created", "A row was added to a table named orders, commande or commandes.", RowChanged, ORDER),
    Event("order.updated", "A row of such a table of orders has changed.", RowChanged, ORDER),
    Event("order.deleted", "A row of such a table of orders was deleted.", RowChanged, ORDER),
    Event("row.created", "A row was added to another table of one's own.", RowChanged, ROW),
    Event("row.updated", "A row of another table has changed.", RowChanged, ROW),
    Event("row.deleted", "A row of another table was deleted.", RowChanged, ROW),
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
