"""An agent: who answers, from what, in which manner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NewType

from ...kernel.errors import NotFound

AgentId = NewType("AgentId", int)


class NoSuchAgent(NotFound):
    """There is no agent of this name, or it is switched off."""


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
    ollama_host: str | None
    ollama_port: int | None
    model: str | None
    fallback_model: str | None
    context_window_size: int
    max_tokens: int
    temperature: Decimal
    top_k: int
    min_score: Decimal | None
    strict: bool
    is_active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One version of an agent's prompt; never changed."""

    version: int
    system_prompt: str
    change_note: str | None
    author: str | None
    created_at: datetime
