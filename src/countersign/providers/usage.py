"""Token counts as LangChain reports them, and ours where a server does not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from .models import Turn, Usage, estimate_tokens

FINISHES = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}


@dataclass(slots=True)
class Tally:
    """Adds up what the chunks of one stream say about themselves."""

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0
    finish: str | None = None

    def add(self, usage: Mapping[str, Any] | None, about: Mapping[str, Any]) -> None:
        """Takes ``usage_metadata`` and ``response_metadata`` of one chunk. Totals come in parts or at the end."""
        if usage:
            read: Mapping[str, Any] = usage.get("input_token_details") or {}
            made: Mapping[str, Any] = usage.get("output_token_details") or {}
            self.input += _count(usage, "input_tokens")
            self.output += _count(usage, "output_tokens")
            self.cached += _count(read, "cache_read")
            self.written += _count(read, "cache_creation")
            self.written += _count(read, "ephemeral_5m_input_tokens") + _count(read, "ephemeral_1h_input_tokens")
            self.reasoning += _count(made, "reasoning")
        word = about.get("finish_reason") or about.get("done_reason") or about.get("stop_reason")
        if word or about.get("done"):
            self.finish = FINISHES.get(str(word), str(word)) if word else "stop"

    def usage(self, turns: Sequence[Turn], text: str, pieces: int) -> Usage:
        """What was used. Missing counts are estimated: a piece of the stream is about a token."""
        read = self.input or sum(estimate_tokens(turn.content) + 4 for turn in turns)
        wrote = self.output or (max(pieces, 1) if text else 0)
        estimated = not self.input or (bool(text) and not self.output)
        return Usage(read, min(self.cached, read), wrote, self.reasoning, self.written, estimated)


def _count(source: Mapping[str, Any], name: str) -> int:
    value = cast(Any, source.get(name))
    return value if isinstance(value, int) and value > 0 else 0
