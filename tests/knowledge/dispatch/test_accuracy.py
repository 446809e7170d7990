"""Six agents, 72 questions for them and twelve for none: how often the choice is right, with the embedder that is shipped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from countersign.kernel.access import Caller
from countersign.knowledge.agents import service as agents
from countersign.knowledge.demo import EXPERT_BTP, SUPPORT
from countersign.knowledge.dispatch.models import Choice
from countersign.knowledge.dispatch.service import choose
from countersign.stack.embedder import Embedder
from tests.knowledge.conftest import Site

KEPT: dict[str, Any] = json.loads((Path(__file__).parent / "questions.json").read_text(encoding="utf-8"))
QUESTIONS = [(question, slug) for slug, questions in KEPT["questions"].items() for question in questions]
VALIDATED = 4  # of each agent's questions; the others are asked

Make = Callable[..., Awaitable[Site]]
ANSWERED = (
    "WITH talk AS (INSERT INTO ai_sessions (tenant_id, agent_id, user_id, title) SELECT 1, id, (SELECT min(id) FROM users), 'x'"
    " FROM agents WHERE slug = %(slug)s RETURNING id), said AS (INSERT INTO ai_messages (tenant_id, session_id, role, content)"
    " SELECT 1, id, 'user', %(question)s FROM talk RETURNING id, session_id)"
    " INSERT INTO ai_messages (tenant_id, session_id, role, content, reply_to)"
    " SELECT 1, session_id, 'assistant', 'Oui.', id FROM said"
)
SIGN = (
    "UPDATE ai_messages SET validation_status = 'validated', validated_at = now(), validated_by = (SELECT min(id) FROM users)"
    " WHERE role = 'assistant'"
)


@pytest.fixture
async def chosen(site: Make, e5: Embedder, caller: Callable[..., Caller]) -> Callable[[str], Awaitable[Choice]]:
    """``await chosen(question)``, among the six agents."""
    app = (await site(local_embedder_url=e5.url)).app
    everything = caller("*")
    shipped = [(one["slug"], one["name"], one["description"]) for one in (EXPERT_BTP, SUPPORT)]
    assert [tuple(one.values()) for one in KEPT["agents"][:2]] == shipped
    async with app.db.transaction(everything) as tx:
        for one in KEPT["agents"][2:]:
            await agents.create(tx, {**one, "system_prompt": "Réponds."})
    return lambda question: choose(app, everything, question)


async def validate(owner: Any, asked: list[tuple[str, str]]) -> None:
    """Each question was answered by its agent, and a person signed the answer."""
    for question, slug in asked:
        await owner.execute(ANSWERED, {"slug": slug, "question": question})
    await owner.execute(SIGN)


def summed(choices: list[tuple[Choice, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for choice, slug in choices:
        found["nearest"] += choice.candidates[0].slug == slug
        found["offered first or second"] += slug in [one.slug for one in choice.candidates[:2]]
        found["decided"] += choice.agent is not None
        found["right"] += choice.agent == slug
    print(len(choices), dict(found))
    return found


async def test_descriptions_alone(chosen: Callable[[str], Awaitable[Choice]]) -> None:
    found = summed([(await chosen(question), slug) for question, slug in QUESTIONS])
    assert found["nearest"] >= 47 and found["offered first or second"] >= 58
    assert found["right"] >= 0.75 * found["decided"] and found["decided"] >= 45
    pair = [(question, slug) for question, slug in QUESTIONS if slug in ("expert-btp", "support")]
    assert sum([(await chosen(question)).candidates[0].slug == slug for question, slug in pair]) >= 16
    asked_back = [choice.reason for question in KEPT["nobody"] if (choice := await chosen(question)).agent is None]
    print(len(KEPT["nobody"]), "for nobody:", Counter(asked_back))
    assert asked_back.count("far") >= 6 and len(asked_back) >= 8


async def test_with_questions_that_were_validated(chosen: Callable[[str], Awaitable[Choice]], owner: Any) -> None:
    validated = [(question, slug) for slug, all_of in KEPT["questions"].items() for question in all_of[:VALIDATED]]
    await validate(owner, validated)
    asked = [one for one in QUESTIONS if one not in validated]
    found = summed([(await chosen(question), slug) for question, slug in asked])
    assert found["nearest"] >= 0.75 * len(asked) and found["right"] >= 0.8 * found["decided"]
    again = [await chosen(questions[0]) for questions in KEPT["questions"].values()]
    assert [choice.agent for choice in again] == list(KEPT["questions"])
    assert {choice.reason for choice in again} == {"validated"}


async def test_the_validated_questions_of_one_agent_do_not_draw_those_of_others(
    chosen: Callable[[str], Awaitable[Choice]], owner: Any
) -> None:
    some = QUESTIONS[::3]
    before = summed([(await chosen(question), slug) for question, slug in some])
    await validate(owner, [(question, "parc") for question in KEPT["questions"]["parc"][1:VALIDATED]])
    after = summed([(await chosen(question), slug) for question, slug in some])
    assert after["right"] >= before["right"] and after["nearest"] >= before["nearest"]
