"""Measuring: the right figures, once for each question whatever is killed, and a trial that only its author ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from countersign.kernel import jobs
from countersign.kernel.access import system
from countersign.knowledge.agents import service as agents
from countersign.knowledge.agents.models import AgentChanged
from countersign.knowledge.evaluation import measures, service
from countersign.knowledge.evaluation.models import (
    NoSuchRun,
    NotDecidable,
    NothingChanges,
    NothingSigned,
    Run,
)
from tests.conftest import Tenants
from tests.fakes.scripted_model import Rule
from tests.knowledge.conftest import Site
from tests.knowledge.evaluation.conftest import QUESTIONS, Signed

Owner = psycopg.AsyncConnection[Any]
Make = Callable[..., Awaitable[Site]]
RULES = (Rule("CLO-PLA-002", "Il coûte 999,99 € [1]."), Rule("CLO-PLA", "Il coûte 45,50 €/m² [1]."))
SLUG = "expert-btp"


async def begun(site: Site, changes: dict[str, Any] | None = None) -> int:
    async with site.app.db.transaction(system()) as tx:
        return await service.begin(tx, SLUG, changes, note="Essai" if changes else None)


async def read(site: Site, number: int) -> Run:
    async with site.app.db.transaction(system()) as tx:
        return await service.run(tx, await agents.agent(tx, SLUG), number)


async def done(site: Site, changes: dict[str, Any] | None = None) -> Run:
    number = await begun(site, changes)
    job = (await read(site, number)).job_id
    assert job is not None and await jobs.work(site.app, job)
    return await read(site, number)


async def test_what_people_signed_is_asked_again_and_measured(site: Make, signed: Signed) -> None:
    here = await site(RULES)
    await signed(here)
    measured = await done(here)
    assert (measured.status, measured.questions, measured.done, measured.changes) == ("completed", 3, 3, None)
    assert measured.summary is not None
    told = measured.summary["live"]
    assert (told["questions"], told["ranked"], told["failed"]) == (3, 3, 0)
    assert (told["r1"], told["r5"], told["ndcg10"]) == (1, 1, 1), "the code in the question finds its record first"
    assert told["figures"] is not None and told["figures"] < 1, "999,99 € stands nowhere"
    assert (told["signed_figures"], told["direct"], told["cost_usd"]) == (1, 0, "0")
    assert told["ms_median"] <= told["ms_p95"]


async def test_a_trial_shows_what_would_change_and_its_author_publishes_it(site: Make, signed: Signed) -> None:
    here = await site((Rule("Réponds en un mot", "no match"), *RULES))
    await signed(here)
    tried = await done(here, {"system_prompt": "Tu réponds court.", "model": "scripted:other"})
    assert tried.changes == {"system_prompt": "Tu réponds court.", "model": "scripted:other"}
    assert tried.summary is not None and set(tried.summary) == {"live", "tried"}
    async with here.app.db.transaction(system()) as tx:
        agent = await agents.agent(tx, SLUG)
        assert agent.prompt_version == 1, "nothing is live before somebody publishes it"
        every = await service.results(tx, tried.id)
        assert {one.question for one in every} == set(QUESTIONS)
        assert all(one.tried and one.tried["model"] == "other" for one in every)
    async with here.app.db.transaction(system()) as tx:
        now = await service.publish(tx, agent, tried.id)
        assert (now.prompt_version, now.system_prompt, now.model) == (2, "Tu réponds court.", "scripted:other")
        version = (await agents.prompt_versions(tx, SLUG))[0]
        assert version.change_note == "Essai"
    kept = await read(here, tried.id)
    assert (kept.decision, kept.published_version) == ("published", 2)
    async with here.app.db.transaction(system()) as tx:
        for verb in (service.publish, service.drop):
            with pytest.raises(NotDecidable):
                await verb(tx, now, tried.id)


async def test_a_dropped_trial_changes_nothing(site: Make, signed: Signed) -> None:
    here = await site(RULES)
    await signed(here)
    tried = await done(here, {"system_prompt": "Autre."})
    async with here.app.db.transaction(system()) as tx:
        agent = await agents.agent(tx, SLUG)
        await service.drop(tx, agent, tried.id)
        assert (await agents.agent(tx, SLUG)).prompt_version == 1
        with pytest.raises(NotDecidable):
            await service.publish(tx, agent, tried.id)


async def test_a_trial_of_what_is_no_longer_live_is_not_published(site: Make, signed: Signed) -> None:
    here = await site(RULES)
    await signed(here)
    tried = await done(here, {"system_prompt": "Autre."})
    async with here.app.db.transaction(system()) as tx:
        agent = await agents.update(tx, SLUG, {"system_prompt": "Entre-temps."})
    async with here.app.db.transaction(system()) as tx:
        with pytest.raises(AgentChanged):
            await service.publish(tx, agent, tried.id)


async def test_a_killed_worker_loses_no_answer_and_asks_nothing_twice(
    site: Make, signed: Signed, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await site(RULES)
    await signed(here)
    number = await begun(here)
    job = (await read(here, number)).job_id
    assert job is not None
    one_side, asked, stuck = measures.one_side, list[str](), asyncio.Event()

    async def until_killed(app: Any, caller: Any, agent: Any, pair: Any) -> dict[str, Any]:
        if len(asked) == 2:
            stuck.set()
            await asyncio.Event().wait()
        asked.append(pair.question)
        return await one_side(app, caller, agent, pair)

    monkeypatch.setattr(measures, "one_side", until_killed)
    doing = asyncio.create_task(jobs.work(here.app, job))
    await stuck.wait()
    doing.cancel()  # as when it is killed, nothing is said of it
    await asyncio.gather(doing, return_exceptions=True)
    monkeypatch.setattr(measures, "one_side", one_side)
    await owner.execute(
        "UPDATE jobs SET status = 'running', lease_until = now() - interval '1 hour' WHERE id = %s", [job]
    )
    assert (await read(here, number)).done == 2
    before = len(here.model.calls)
    assert await jobs.work(here.app, job)
    ended = await read(here, number)
    assert (ended.status, ended.done) == ("completed", 3)
    assert len(here.model.calls) == before + 1


async def test_a_cancelled_measurement_does_not_seem_to_go_on(site: Make, signed: Signed) -> None:
    here = await site(RULES)
    await signed(here)
    number = await begun(here)
    async with here.app.db.transaction(system()) as tx:
        await service.cancel(tx, await agents.agent(tx, SLUG), number)
    assert (await read(here, number)).status == "cancelled"


async def test_there_must_be_something_to_measure(site: Make, signed: Signed, tenants: Tenants) -> None:
    here = await site(RULES)
    with pytest.raises(NothingSigned):
        await begun(here)
    await signed(here, QUESTIONS[:1])
    async with here.app.db.transaction(system()) as tx:
        text = (await agents.agent(tx, SLUG)).system_prompt
    with pytest.raises(NothingChanges):
        await begun(here, {"system_prompt": text})
    number = await begun(here)
    async with here.app.db.transaction(system()) as tx:
        agent = await agents.agent(tx, SLUG)
    async with here.app.db.transaction(tenants.b.caller) as tx:
        with pytest.raises(NoSuchRun):
            await service.run(tx, agent, number)
        assert await service.runs(tx, agent) == []


def test_a_share_of_nothing_is_not_a_figure() -> None:
    told = measures.summary([])
    assert (told["r1"], told["figures"], told["ms_median"], told["cost_usd"]) == (None, None, None, "0")
