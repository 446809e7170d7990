"""``countersign eval``: how well agents answer what people have signed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .tools import Home, Json, emit, run, say

if TYPE_CHECKING:
    from ..knowledge.evaluation.models import Run

app = typer.Typer(help="Measure how well agents answer what people have signed.", no_args_is_help=True)


@app.callback()
def evaluate() -> None:
    """Measure how well agents answer what people have signed."""


@app.command("run")
def measure(
    agent: Annotated[str, typer.Option("--agent", help="The agent, as its address names it.")],
    home: Home = None,
    json: Json = False,
) -> None:
    """Ask an agent every validated question and measure what it finds and says; kept, and drawn on its page."""
    import logging

    import structlog

    from ..kernel import jobs
    from ..kernel.access import system
    from ..kernel.app import App
    from ..kernel.settings import Settings
    from ..knowledge import jobs as _  # noqa: F401  (the job registers itself)
    from ..knowledge.agents import service as agents
    from ..knowledge.evaluation import service
    from .index import bar

    async def work() -> Run:
        async with App(Settings.load(home)) as instance:
            async with instance.db.transaction(system()) as tx:
                tx.bell = None  # done here, not by a worker
                number = await service.begin(tx, agent)
            with bar(agent) as tell:
                while True:
                    async with instance.db.transaction(system(), read_only=True) as tx:
                        found = await service.run(tx, await agents.agent(tx, agent, inactive=True), number)
                    if not found.going or found.job_id is None:
                        return found
                    doing = asyncio.create_task(jobs.work(instance, found.job_id))
                    while not doing.done():
                        await asyncio.wait({doing}, timeout=0.5)
                        async with instance.db.transaction(system(), read_only=True) as tx:
                            found = await service.run(tx, await agents.agent(tx, agent, inactive=True), number)
                        await tell(found.done, found.questions, "questions")
                    if not doing.result():
                        await asyncio.sleep(0.5)  # in the hands of a worker

    # Standard output is the result.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    done = run(work())
    measured: dict[str, Any] = (done.summary or {}).get("live", {})
    if json:
        emit({"id": done.id, "agent": agent, "status": done.status, "prompt_version": done.prompt_version, **measured})
    elif done.status == "completed":
        for line in _lines(measured):
            say(line)
    if done.status != "completed":
        say(f"Error: the measurement {done.id} was {done.status}. {done.error or ''}".rstrip())
        raise typer.Exit(1)


def _lines(measured: dict[str, Any]) -> list[str]:
    def share(name: str) -> str:
        value = measured[name]
        return "—" if value is None else f"{value:.1%}"

    return [
        f"{measured['questions']} validated questions, {measured['failed']} without an answer",
        f"right source first {share('r1')}, in five {share('r5')}, nDCG@10 {share('ndcg10')}",
        f"figures that are true {share('figures')}, figures of the signed answers said again {share('signed_figures')}",
        f"direct answers {share('direct')}; {measured['ms_median']} ms at the median, {measured['ms_p95']} ms at 95 %",
    ]
