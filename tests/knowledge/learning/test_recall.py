"""What was learned is given again as it was signed when the question is the same one, and shows the model how else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.knowledge.agents import service as agents
from countersign.knowledge.learning import service
from countersign.stack.embedder import Embedder
from tests.conftest import Tenants
from tests.fakes.scripted_model import Rule
from tests.knowledge.conftest import Site, ask
from tests.knowledge.learning.conftest import Answer, embed, learn, read

Make = Callable[..., Awaitable[Site]]

ASKED = "Quel est le prix de la cloison CLO-PLA-001 ?"
AGAIN = "Combien coûte la cloison CLO-PLA-001, s'il vous plaît ?"
SAID = "Selon M. Roux, la cloison coûte 45,50 €/m² [1]."


@pytest.fixture
async def made(site: Make, e5: Embedder, signer: Caller) -> Site:
    """The site with the embedder that is shipped, whose agent serves what it has learned."""
    one = await site([Rule(".", "Dit par le modèle [1].")], local_embedder_url=e5.url)
    async with one.app.db.transaction(signer) as tx:
        await agents.update(tx, "expert-btp", {"direct_answer": True})
    return one


async def status_of(owner: Any, message: str) -> tuple[Any, ...]:
    return await (
        await owner.execute(
            "SELECT validation_status, validated_by, model_used, rag_context -> 'learned' FROM ai_messages WHERE uuid = %s",
            (message,),
        )
    ).fetchone()


async def test_the_same_question_in_other_words_gets_the_signed_answer(
    made: Site, signer: Caller, answer: Answer, owner: Any
) -> None:
    one = await learn(made.app, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    await embed(made.app)
    client = await made.client()
    reply = await ask(client, AGAIN)
    assert reply["content"] == SAID and reply["notice"] == "learned" and reply["model"] is None
    assert made.model.calls == []
    status, by, model, learned = await status_of(owner, reply["message"])
    assert (status, by, model) == ("validated", signer.user_id, None)
    assert [(one["id"], one["direct"], one["question"]) for one in learned] == [(one.id, True, ASKED)]
    assert reply["sources"][0]["code"] == "CLO-PLA-001"
    now = await read(made.app, signer, one.id)
    assert now.served_count == 1 and now.last_served_at is not None and now.etag == one.etag
    assert await (
        await owner.execute(
            "SELECT count(*) FROM review_items r JOIN ai_messages m ON m.id = r.message_id WHERE m.uuid = %s",
            (reply["message"],),
        )
    ).fetchone() == (0,)
    page = (await client.get(f"/messages/{reply['message']}/fragment", headers={"Accept-Language": "fr"})).text
    assert "Cette réponse validée a déjà été donnée" in page and "validé par" in page

    # Whoever asks for another answer has seen this one: the model says it in its words, with it as an example.
    other = (await client.post(f"/api/v1/messages/{reply['message']}/regenerate")).json()
    assert other["content"] == "Dit par le modèle [1]." and (await status_of(owner, other["message"]))[0] == "pending"
    assert (await read(made.app, signer, one.id)).served_count == 1


@pytest.mark.parametrize(
    "question",
    [
        "Quel est le prix de la cloison CLO-PLA-002 ?",
        "Quel est le prix de 2 m² de la cloison CLO-PLA-001 ?",
        "Quel est le prix de la cloison CLO-PLA-001 sans la pose ?",
        "Quel est le prix de l'isolant de la cloison CLO-PLA-001 ?",
    ],
)
async def test_another_question_does_not(made: Site, signer: Caller, answer: Answer, question: str) -> None:
    one = await learn(made.app, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    await embed(made.app)
    reply = await ask(await made.client(), question)
    assert reply["content"].startswith("Dit par le modèle") and reply["notice"] is None
    assert (await read(made.app, signer, one.id)).served_count == 0


async def test_it_is_an_example_where_it_may_not_be_the_answer(
    made: Site, signer: Caller, answer: Answer, owner: Any
) -> None:
    async with made.app.db.transaction(signer) as tx:
        await agents.update(tx, "expert-btp", {"direct_answer": False})
    one = await learn(made.app, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    await embed(made.app)
    client = await made.client()
    reply = await ask(client, AGAIN)
    told = made.model.calls[-1].body["messages"][-1]["content"]
    assert "<learned>" in told and "Selon M. Roux, la cloison coûte 45,50 €/m².\n</learned>" in told
    assert told.index("</source>") < told.index("<learned>") < told.index(AGAIN)
    status, _, _, learned = await status_of(owner, reply["message"])
    assert status == "pending" and [(o["id"], o["direct"]) for o in learned] == [(one.id, False)]
    # One about another record would lend the model what is wrong here.
    await ask(client, "Quel est le prix de la cloison CLO-PLA-002 ?")
    assert "<learned>" not in made.model.calls[-1].body["messages"][-1]["content"]


async def not_any_more(made: Site) -> None:
    """Neither as an answer nor as an example."""
    await embed(made.app)
    reply = await ask(await made.client(), AGAIN)
    assert reply["notice"] is None and "<learned>" not in str(made.model.calls[-1].body["messages"])


async def test_what_was_suspended_is_never_given(made: Site, signer: Caller, answer: Answer, owner: Any) -> None:
    one = await learn(made.app, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    await embed(made.app)
    await owner.execute("UPDATE ouvrages SET unit_price = 47 WHERE code = 'CLO-PLA-001'")
    assert (await read(made.app, signer, one.id)).status == "suspended"
    reply = await ask(await made.client(), AGAIN)  # the index has not heard of it yet
    assert reply["notice"] is None and "<learned>" not in str(made.model.calls[-1].body["messages"])


async def test_what_was_revoked_or_rejected_is_never_given(
    made: Site, signer: Caller, answer: Answer, owner: Any
) -> None:
    message = await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",))
    one = await learn(made.app, signer, message)
    await owner.execute(
        "UPDATE ai_messages SET validation_status = 'rejected', rejection_reason = 'x' WHERE uuid = %s", (message,)
    )
    assert (await read(made.app, signer, one.id)).status == "revoked"
    await not_any_more(made)


async def test_who_rejects_what_was_served_revokes_what_was_learned(
    made: Site, signer: Caller, answer: Answer, owner: Any
) -> None:
    one = await learn(made.app, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    await embed(made.app)
    reply = await ask(await made.client(), AGAIN)
    await owner.execute(
        "UPDATE ai_messages SET validation_status = 'rejected', rejection_reason = 'périmé' WHERE uuid = %s",
        (reply["message"],),
    )
    now = await read(made.app, signer, one.id)
    assert (now.status, now.status_reason) == ("revoked", "périmé")


async def test_neither_another_agent_nor_another_organisation_gets_it(
    made: Site, signer: Caller, tenants: Tenants, answer: Answer
) -> None:
    await learn(made.app, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    await embed(made.app)
    async with made.app.db.transaction(signer) as tx:
        expert = await agents.agent(tx, "expert-btp")
        await agents.update(tx, "support", {"direct_answer": True})
        support = await agents.agent(tx, "support")
    assert (await service.recall(made.app, signer, expert, AGAIN)).direct is not None
    assert await service.recall(made.app, signer, support, AGAIN) == service.Recall()
    assert await service.recall(made.app, tenants.b.caller, expert, AGAIN) == service.Recall()


async def test_a_trial_shows_it_and_counts_nothing(made: Site, signer: Caller, answer: Answer) -> None:
    one = await learn(made.app, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    await embed(made.app)
    client = await made.client("admin")
    tried = (await client.post("/api/v1/agents/expert-btp/test", json={"content": AGAIN})).json()
    assert (tried["content"], tried["notice"], tried["model"]) == (SAID, "learned", None)
    assert (await read(made.app, signer, one.id)).served_count == 0


async def test_without_an_embedder_the_model_answers(site: Make, signer: Caller, answer: Answer, house: App) -> None:
    made = await site([Rule(".", "Dit par le modèle [1].")])
    await learn(made.app, signer, await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",)))
    assert (await ask(await made.client(), ASKED))["content"] == "Dit par le modèle [1]."
