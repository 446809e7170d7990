"""An agent: who answers, from what, in which manner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NewType, TypeAlias

from ...kernel.database import Tx
from ...kernel.errors import Conflict, Invalid, NotFound, PreconditionFailed

AgentId = NewType("AgentId", int)
TEXT_ONLY, SQL_HYDRATION = MODES = ("TEXT_ONLY", "SQL_HYDRATION")


class NoSuchAgent(NotFound):
    """There is no agent of this name, or it is switched off."""


class NoSuchVersion(NotFound):
    """The prompt of this agent never had such a version."""


class SlugTaken(Conflict):
    """There is an agent at “%(slug)s” already. Choose another address."""


class AgentChanged(PreconditionFailed):
    """Somebody else has changed this agent since you read it. Reload it and make your change again."""


class BadAgent(Invalid):
    """An agent cannot be set like this."""


class ReservedSlug(BadAgent, ValueError):
    """The address “%(slug)s” is that of a page. Choose another one."""


class NothingWritten(BadAgent, ValueError):
    """Write something."""


class BadHydration(Invalid):
    """This choice of records is not possible. Name a table, fields and relations that exist."""


class UnknownTable(BadHydration):
    """The table %(named)s cannot be hydrated. Known: %(known)s."""


class UnknownName(BadHydration):
    """%(table)s has no %(what)s %(named)s. Known: %(known)s."""


class NotInTemplate(BadHydration):
    """The template names %(named)s. Fields of this agent: %(known)s."""


class TemplateAlone(BadHydration):
    """A template shapes records; an agent that answers from documents has none."""


class BadKey(BadHydration):
    """The field that holds the row's id is named by small letters, digits and _, such as db_id."""


class CollectionTaken(Conflict):
    """This collection is filled from other records. Choose another name for this agent's."""


class SearchedOtherwise(CollectionTaken):
    """The agent “%(agent)s” searches the collection “%(collection)s” for other records. Choose another name for this
    agent's."""


class HoldsOthers(CollectionTaken):
    """The collection “%(collection)s” holds entries of another kind (%(kinds)s). Choose another name for this
    agent's."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One row of ``agents`` with the number of its active prompt version."""

    id: AgentId
    name: str
    slug: str
    description: str | None
    icon: str
    color: str
    language: str
    system_prompt: str
    prompt_version: int
    qdrant_collection: str
    retrieval_mode: str
    hydration_config: dict[str, Any] | None
    source_template: str | None
    ollama_host: str | None
    ollama_port: int | None
    model: str | None
    fallback_model: str | None
    context_window_size: int
    max_tokens: int
    temperature: Decimal
    top_k: int
    min_score: Decimal | None
    learned_min_score: Decimal | None
    direct_answer: bool
    strict: bool
    is_active: bool
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """The version of this row, for ``If-Match``."""
        return f'"{self.id}-{self.updated_at.timestamp():.6f}"'

    @property
    def values(self) -> dict[str, Any]:
        """What people set of it."""
        return {name: value for name, value in asdict(self).items() if name not in KEPT_BY_THE_DATABASE}

    @property
    def table(self) -> str | None:
        """The table that it answers from; None when it answers from documents."""
        return (self.hydration_config or {}).get("table") if self.retrieval_mode == SQL_HYDRATION else None


KEPT_BY_THE_DATABASE = frozenset({"id", "prompt_version", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class Hydratable:
    """One table that agents may answer from: *kind* names its rows in the index, *collection* is its own one there."""

    name: str
    kind: str
    fields: tuple[str, ...]
    relations: tuple[str, ...]
    collection: str | None = None


Registry: TypeAlias = Callable[[Tx], Awaitable[dict[str, Hydratable]]]


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One version of an agent's prompt; never changed. *trial*: the measurement of it that its author published."""

    version: int
    system_prompt: str
    change_note: str | None
    author: str | None
    created_at: datetime
    trial: int | None
