"""Forty-one questions of labour law that ten collective agreements answer each in its way: none gets another's answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from countersign.kernel.access import Caller
from countersign.knowledge.agents import service as agents
from countersign.knowledge.learning import service
from countersign.stack.embedder import Embedder
from tests.knowledge.conftest import Site
from tests.knowledge.learning.conftest import embed

Make = Callable[..., Awaitable[Site]]

QUESTIONS = Path(__file__).parents[4] / "shared" / "data" / "labour-qa.json"
REPHRASINGS = Path(__file__).parent / "rephrasings.json"

# As people call them; two of them differ by a number alone.
NAMES = {
    "0016": "Transports routiers", "0044": "Industries chimiques", "0573": "Commerces de gros", "1486": "Syntec",
    "1596": "Bâtiment jusqu'à 10 salariés", "1597": "Bâtiment plus de 10 salariés", "1702": "Travaux publics",
    "1979": "Hôtels, cafés, restaurants", "2420": "Cadres du bâtiment", "2609": "ETAM du bâtiment",
}  # fmt: skip


def named(question: str, idcc: str) -> str:
    """The question for one agreement, by its number or by its name."""
    return f"{question} (convention collective {idcc})" if len(question) % 2 else f"{NAMES[idcc]} : {question}"


async def test_no_agreement_gets_the_answer_of_another_and_repeats_are_recognised(
    site: Make, e5: Embedder, signer: Caller, record_property: Any
) -> None:
    if not QUESTIONS.exists():
        pytest.skip("labour-qa.json is not beside this checkout: its questions are not asked")
    data: list[dict[str, Any]] = json.loads(QUESTIONS.read_text())
    made = await site(local_embedder_url=e5.url)
    known = sorted({one["idcc"] for row in data for one in row["conventions"]})
    learned_of = known[:10:2]
    served: dict[int, tuple[str, str | None]] = {}
    async with made.app.db.transaction(signer) as tx:
        agent = await agents.update(tx, "support", {"direct_answer": True, "language": "fr"})
        for row in data:
            one = await service.add(tx, "support", row["question"], row["generic"] or "Rien.")
            served[one.id] = (row["id"], None)
            for agreement in row["conventions"]:
                if agreement["idcc"] in learned_of:
                    asked = named(row["question"], agreement["idcc"])
                    one = await service.add(tx, "support", asked, agreement["answer"])
                    served[one.id] = (row["id"], agreement["idcc"])
    await embed(made.app)

    async def given(question: str) -> tuple[str, str | None] | None:
        direct = (await service.recall(made.app, signer, agent, question)).direct
        return served[direct.id] if direct else None

    wrong: list[Any] = []
    times = kept = 0
    for row in data:
        for agreement in row["conventions"]:
            idcc = agreement["idcc"]
            got = await given(named(row["question"], idcc))
            if got not in (None, (row["id"], idcc)):
                wrong.append((row["question"], idcc, got))
            times += 1
            kept += got is not None
    assert times == 401 and wrong == []
    # Each of the five is recognised by its own question.
    assert kept == sum(one["idcc"] in learned_of for row in data for one in row["conventions"])

    for name, least in (("tuned", 0.8), ("held_out", 0.8)):
        sets: dict[str, list[str]] = json.loads(REPHRASINGS.read_text())[name]
        pairs = [(of, question) for of, questions in sets.items() for question in questions]
        got = [(of, question, await given(question)) for of, question in pairs]
        assert [one for one in got if one[2] not in (None, (one[0], None))] == []
        recognised = sum(one[2] is not None for one in got)
        record_property(name, f"{recognised} of {len(got)}")
        assert recognised >= least * len(got), [one for one in got if one[2] is None]
