"""The ledger: every call of a model with its tokens, times and price. Rows are written once and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..kernel import sql
from ..kernel.access import Caller
from ..kernel.app import App
from ..kernel.database import Tx
from ..kernel.json import dumps
from ..kernel.metrics import AI_CALLS, AI_TOKENS
from .models import Reply, Turn
from .prices import price

queries = sql.load(__package__ or "")

STOPPED = "stopped"
FAILED = "failed"
LONGEST = 200_000  # characters of a prompt or response that are kept
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a call was made for. *operation* is a word such as ``answer``, ``rewrite``, ``plan``, ``implement``."""

    operation: str
    agent_id: int | None = None
    session_id: int | None = None
    message_id: int | None = None
    run_step_id: int | None = None
    task_id: int | None = None
    task_run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the ledger has it; ``cost_usd`` is None where no price is known."""

    provider: str
    model: str
    prompt: str | None
    success: bool
    error: str | None
    latency_ms: int | None
    ttft_ms: int | None
    cost_usd: Decimal | None


async def calls_for(tx: Tx, message: int) -> list[Call]:
    """The calls that were made for an answer, in their order."""
    return await tx.all(Call, queries.calls_for_message, message=message)


async def record(
    app: App,
    caller: Caller,
    context: CallContext,
    prompt: Sequence[Turn] | str,
    reply: Reply,
    error: str | None = None,
) -> int:
    """Writes ``ai_interactions`` and ``ai_cost_tracking`` in one short transaction; returns the interaction's id.

    *reply* is what there was of the answer when *error* says why it failed; a stopped answer is no failure.
    """
    outcome = FAILED if error else STOPPED if reply.finish == STOPPED else "ok"
    count(reply, context.operation, outcome)
    usage = reply.usage
    found = price(reply.provider, reply.server, reply.model, usage)
    tokens = {
        "input": usage.input,
        "cached_input": usage.cached_input,
        "output": usage.output,
        "reasoning": usage.reasoning,
        "cache_write": usage.cache_write,
        "estimated": usage.estimated,
        "finish": reply.finish,
        "fallback": reply.fallback,
    }
    async with app.db.transaction(caller) as tx:
        return await tx.value(
            queries.record_ai_call,
            run_step_id=context.run_step_id,
            message_id=context.message_id,
            session_id=context.session_id,
            agent_id=context.agent_id,
            task_id=context.task_id,
            task_run_id=context.task_run_id,
            provider=reply.provider.ledger_word,
            model=reply.model[:LONGEST_NAME],
            operation=context.operation,
            prompt=storable(prompt if isinstance(prompt, str) else written(prompt)),
            response=storable(reply.text),
            token_usage=dumps(tokens),
            latency_ms=reply.latency_ms,
            ttft_ms=reply.ttft_ms,
            success=error is None,
            error=storable(error) if error else None,
            cost_usd=found.cost_usd,
            price_version=found.version,
        )


def count(reply: Reply, operation: str, outcome: str) -> None:
    """Adds one call to the figures for Prometheus."""
    provider = reply.provider.ledger_word
    AI_CALLS.labels(provider, reply.model, operation, outcome).inc()
    AI_TOKENS.labels(provider, reply.model, "input").inc(reply.usage.input)
    AI_TOKENS.labels(provider, reply.model, "output").inc(reply.usage.output)


def written(prompt: Sequence[Turn]) -> str:
    """A prompt as people read it."""
    return "\n\n".join(f"[{turn.role}]\n{turn.content}" for turn in prompt)


def storable(text: str) -> str:
    """*text* as PostgreSQL can keep it: no zero bytes, no half characters, and a bounded length."""
    clean = text.replace("\0", "�").encode(errors="replace").decode()
    if len(clean) <= LONGEST:
        return clean
    half = LONGEST // 2
    return f"{clean[:half]}\n[… {len(clean) - LONGEST:,} characters left out …]\n{clean[-half:]}"
