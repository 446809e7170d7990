"""Every field of an agent as people may set it, by API and by form."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ...kernel.web import Clean
from .models import BadAgent, NothingWritten, ReservedSlug

LONGEST_PROMPT = 50_000
COLLECTION = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
# A server by name or address, with scheme, port and path where they are needed; never a name and password.
HOST = r"^(https?://)?(\[[0-9a-fA-F:]+\]|[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:]*|[A-Za-z0-9._-]+)(:\d{1,5})?(/[A-Za-z0-9._/-]*)?$"
RESERVED = frozenset({"new", "hydration"})  # pages that stand where agents stand


def _free(slug: str) -> str:
    if slug in RESERVED:
        raise ReservedSlug(slug=slug)
    return slug


def _filled(text: str) -> str:
    if not text.strip():
        raise NothingWritten()
    return text


Name = Annotated[Clean, Field(min_length=1, max_length=255), AfterValidator(_filled)]
Slug = Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9][a-z0-9-]*$"), AfterValidator(_free)]
Model = Annotated[Clean, Field(min_length=1, max_length=100)]
Score = Annotated[Decimal, Field(ge=-1, le=1, max_digits=5, decimal_places=4)]
Note = Annotated[Clean, Field(max_length=500)]


class AgentFields(BaseModel):
    """What is absent stays as it is; null takes away what may be absent."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    slug: Slug = ""
    description: Annotated[Clean, Field(max_length=2_000)] | None = None
    icon: Annotated[str, Field(max_length=50, pattern=r"^[a-z0-9-]+$")] = "robot"
    color: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$"), AfterValidator(str.upper)] = "#3B82F6"
    language: Literal["fr", "en"] = "fr"
    system_prompt: Annotated[Clean, Field(max_length=LONGEST_PROMPT), AfterValidator(_filled)] = ""
    qdrant_collection: Annotated[str, Field(pattern=COLLECTION)] = ""
    retrieval_mode: Literal["TEXT_ONLY", "SQL_HYDRATION"] = "TEXT_ONLY"
    hydration_config: dict[str, Any] | None = None
    source_template: Annotated[Clean, Field(max_length=10_000)] | None = None
    ollama_host: Annotated[str, Field(max_length=255, pattern=HOST)] | None = None
    ollama_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    model: Model | None = None
    fallback_model: Model | None = None
    context_window_size: Annotated[int, Field(ge=0, le=200)] = 10
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 2048
    temperature: Annotated[Decimal, Field(ge=0, le=2, max_digits=3, decimal_places=2)] = Decimal("0.7")
    top_k: Annotated[int, Field(ge=1, le=50)] = 5
    min_score: Score | None = None
    learned_min_score: Score | None = None
    direct_answer: bool = False
    strict: bool = True
    is_active: bool = True

    @property
    def given(self) -> dict[str, Any]:
        """Only what was said."""
        return self.model_dump(include=self.model_fields_set & set(AgentFields.model_fields))


class NewAgent(AgentFields):
    """A new agent: name, slug and prompt at least. Without a collection it gets one of its own."""


class AgentChange(AgentFields):
    """Changes of an agent; *change_note* is kept with the version when the prompt changes."""

    change_note: Note | None = None


DEFAULTS: dict[str, Any] = AgentFields().model_dump()


def read(values: Mapping[str, Any]) -> dict[str, Any]:
    """*values* as typed. Raises ``BadAgent`` with one line for each field that does not fit."""
    try:
        return AgentFields.model_validate(dict(values)).given
    except ValidationError as error:
        raise BadAgent.from_fields(error.errors()) from error
