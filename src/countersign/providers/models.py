"""What a model is called, what goes in and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import ceil
from typing import Literal, TypeAlias

from ..kernel.errors import Invalid

Role: TypeAlias = Literal["system", "user", "assistant"]

# French and code take fewer characters a token than English prose; an estimate should rather be too high.
CHARACTERS_PER_TOKEN = 3


class BadModelName(Invalid):
    """A model is named provider:model, such as ollama:mistral, openai:gpt-4o-mini or anthropic:claude-sonnet-4-5."""


class Provider(StrEnum):
    """Who serves a model, which is also the protocol that it speaks."""

    OLLAMA = "ollama"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    LOCAL = "local"
    SCRIPTED = "scripted"

    @property
    def ledger_word(self) -> str:
        """The word of ``ai_interactions.ai_provider``."""
        return "claude" if self is Provider.ANTHROPIC else self.value


@dataclass(frozen=True, slots=True)
class ModelName:
    """``provider:model``. What stands before the colon counts only if it is a provider: ``mistral:7b`` is Ollama's."""

    provider: Provider
    model: str

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """The name that *text* means. Raises ``BadModelName`` when the model is missing."""
        head, colon, tail = text.strip().partition(":")
        if colon and head.strip().lower() in Provider.__members__.values():
            provider, model = Provider(head.strip().lower()), tail.strip()
        else:
            provider, model = Provider.OLLAMA, text.strip()
        if not model or any(c.isspace() for c in model):
            raise BadModelName()
        return cls(provider, model)

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


DEMONSTRATION = ModelName(Provider.LOCAL, "smollm2")


def is_demonstration(name: ModelName | str) -> bool:
    """Whether *name* is the embedded 135M model, whose answers show how the product works and nothing else."""
    parsed = ModelName.parse(name) if isinstance(name, str) else name
    return parsed.provider is Provider.LOCAL


@dataclass(frozen=True, slots=True)
class Options:
    """What an agent sets differently. ``host`` and ``port`` move its model's server, ``temperature`` is 0..2; the
    answer ends before any of ``stop``."""

    host: str | None = None
    port: int | None = None
    fallback_model: str | None = None
    max_tokens: int | None = None
    temperature: float | Decimal | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a prompt."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer, as it comes."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call.

    ``input`` counts all that were read; ``cached_input`` and ``cache_write`` are parts of it, ``reasoning`` is a part
    of ``output``. ``estimated``: the server did not say (stopped, broken), so the counts are ours.
    """

    input: int = 0
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_write: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, or what there was of it, and who gave it.

    ``finish``: ``stop``, ``length`` (cut at ``max_tokens``), ``stopped`` (the reader left), ``failed``, or the
    server's own word. ``ttft_ms``: milliseconds to the first text, None without text. ``fallback``: another model than
    the one that was asked. ``server``: its address. ``interaction_id``: its row in the ledger, None when it was lost.
    """

    text: str
    usage: Usage
    model: str
    provider: Provider
    latency_ms: int
    ttft_ms: int | None = None
    fallback: bool = False
    finish: str = "stop"
    server: str = ""
    interaction_id: int | None = None

    @property
    def name(self) -> str:
        """``provider:model`` of who spoke."""
        return f"{self.provider}:{self.model}"


def estimate_tokens(text: str) -> int:
    """About how many tokens *text* is, for servers that do not say; rather too many."""
    return ceil(len(text) / CHARACTERS_PER_TOKEN)
