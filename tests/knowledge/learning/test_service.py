"""Learning writes the answer, all that it rests on and the signature in one transaction; states move in order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.errors import Forbidden
from countersign.knowledge.learning import service
from countersign.knowledge.learning.models import (
    AlreadyLearned,
    AnswerRejected,
    FactsChanged,
    LearnedChanged,
    NoSuchLearned,
    NothingToLearn,
    NotInUse,
    NotSuspended,
)
from tests.conftest import Tenants
from tests.knowledge.conftest import work_off
from tests.knowledge.learning.conftest import Answer, learn, read

ASKED = "Quel est le prix de la cloison CLO-PLA-001 ?"
SAID = "La cloison coûte 45,50 €/m² [1]."


async def test_an_answer_is_learned_with_all_that_it_rests_on(
    house: App, signer: Caller, answer: Answer, owner: Any
) -> None:
    message = await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",))
    one = await learn(house, signer, message)
    assert (one.question, one.answer, one.status, one.message) == (ASKED, SAID, "active", message)
    assert one.validated_by == signer.user_id and one.prompt_version == 1
    row = await (
        await owner.execute("SELECT validation_status, validated_by FROM ai_messages WHERE uuid = %s", (message,))
    ).fetchone()
    assert row == ("learned", signer.user_id)
    async with house.db.transaction(signer) as tx:
        rests = {one.label: set(one.before) for one in await service.rests_on(tx, one.id)}
    # The whole is shown, and its price is computed from each part.
    assert {"unit_price", "composition", "name"} <= rests["CLO-PLA-001"]
    assert "CLO-FOU-001" in rests and "unit_price" in rests["CLO-FOU-001"]
    waiting = await (
        await owner.execute("SELECT collection, kind FROM index_entries WHERE source_table = 'learned_responses'")
    ).fetchall()
    assert waiting == [("learned_responses", f"learned:{one.agent_id}")]
    told = await (await owner.execute("SELECT data FROM events WHERE name = 'message.learned'")).fetchall()
    assert [data["learned"] for (data,) in told] == [one.id]


async def test_the_question_can_be_worded_anew_and_a_correction_is_what_is_learned(
    house: App, signer: Caller, answer: Answer, owner: Any
) -> None:
    message = await answer(ASKED, "Faux.", ouvrages=("CLO-PLA-001",))
    await owner.execute("UPDATE ai_messages SET corrected_content = %s WHERE uuid = %s", (SAID, message))
    one = await learn(house, signer, message, "Prix  de\nCLO-PLA-001 ?")
    assert (one.question, one.answer) == ("Prix de CLO-PLA-001 ?", SAID)


async def test_what_may_not_be_learned_is_refused(
    house: App, signer: Caller, answer: Answer, owner: Any, caller: Any
) -> None:
    message = await answer(ASKED, SAID)
    with pytest.raises(Forbidden):
        await learn(house, caller("ai-sessions.validate"), message)
    question = await (await owner.execute("SELECT uuid FROM ai_messages WHERE role = 'user'")).fetchone()
    with pytest.raises(NothingToLearn):
        await learn(house, signer, question[0])
    await learn(house, signer, message)
    with pytest.raises(AlreadyLearned):
        await learn(house, signer, message)
    other = await answer(ASKED, SAID)
    await owner.execute(
        "UPDATE ai_messages SET validation_status = 'rejected', validated_by = %s, validated_at = now() WHERE uuid = %s",
        (signer.user_id, other),
    )
    with pytest.raises(AnswerRejected):
        await learn(house, signer, other)


async def test_two_who_learn_at_once_learn_it_once(house: App, signer: Caller, answer: Answer) -> None:
    message = await answer(ASKED, SAID)
    done = await asyncio.gather(*(learn(house, signer, message) for _ in range(8)), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in done) == 1
    assert all(isinstance(one, AlreadyLearned) for one in done if isinstance(one, BaseException))


async def test_an_answer_whose_record_changed_since_is_not_learned_unless_corrected(
    house: App, signer: Caller, answer: Answer, owner: Any
) -> None:
    part = await answer("Prix du rail ?", "1,70 € [1].", ouvrages=("CLO-FOU-001",))
    whole = await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",))
    await owner.execute("UPDATE ouvrages SET unit_price = unit_price + 1 WHERE code = 'CLO-FOU-001'")
    for message in (part, whole):
        with pytest.raises(FactsChanged, match="CLO-"):
            await learn(house, signer, message)
    await owner.execute("UPDATE ai_messages SET corrected_content = '2,70 €' WHERE uuid = %s", (part,))
    assert (await learn(house, signer, part)).answer == "2,70 €"


async def test_edits_are_kept_and_guarded(house: App, signer: Caller, answer: Answer) -> None:
    one = await learn(house, signer, await answer(ASKED, SAID))
    async with house.db.transaction(signer) as tx:
        edited = await service.edit(tx, one.id, answer="45,50 € HT", seen=one.etag)
    with pytest.raises(LearnedChanged):
        async with house.db.transaction(signer) as tx:
            await service.edit(tx, one.id, answer="autre", seen=one.etag)
    async with house.db.transaction(signer) as tx:
        await service.revoke(tx, one.id, "périmé", seen=edited.etag)
    async with house.db.transaction(signer) as tx:
        past = await service.history(tx, one.id)
        assert [(p.to_status, p.answer) for p in past] == [
            ("revoked", "45,50 € HT"),
            ("active", "45,50 € HT"),
            ("active", SAID),
        ]
        assert past[0].reason == "périmé" and past[0].actor == "Fixture"
    for change in (service.edit, service.revoke):
        with pytest.raises(NotInUse):
            async with house.db.transaction(signer) as tx:
                await (change(tx, one.id, answer="x") if change is service.edit else change(tx, one.id))


async def test_a_rejected_answer_takes_what_was_learned_with_it(
    house: App, signer: Caller, answer: Answer, owner: Any
) -> None:
    message = await answer(ASKED, SAID)
    one = await learn(house, signer, message)
    await owner.execute(
        "UPDATE ai_messages SET validation_status = 'rejected', rejection_reason = 'faux' WHERE uuid = %s", (message,)
    )
    now = await read(house, signer, one.id)
    assert (now.status, now.status_reason) == ("revoked", "faux")
    left = await (
        await owner.execute(
            "SELECT count(*) FROM index_entries WHERE source_table = 'learned_responses' AND deleted_at IS NULL"
        )
    ).fetchone()
    assert left == (0,)


async def test_another_organisation_sees_and_changes_nothing(
    house: App, tenants: Tenants, signer: Caller, answer: Answer
) -> None:
    message = await answer(ASKED, SAID)
    one = await learn(house, signer, message)
    for refused, verb in (
        (NothingToLearn, lambda tx: service.learn(tx, message)),
        (NoSuchLearned, lambda tx: service.learned(tx, one.id)),
        (NoSuchLearned, lambda tx: service.revoke(tx, one.id)),
    ):
        with pytest.raises(refused):
            async with house.db.transaction(tenants.b.caller) as tx:
                await verb(tx)


async def test_only_what_is_suspended_is_renewed(house: App, signer: Caller, answer: Answer, owner: Any) -> None:
    message = await answer(ASKED, SAID, ouvrages=("CLO-PLA-001",))
    one = await learn(house, signer, message)
    with pytest.raises(NotSuspended):
        async with house.db.transaction(signer) as tx:
            await service.renew(tx, one.id)
    await owner.execute("UPDATE ouvrages SET unit_price = 47 WHERE code = 'CLO-PLA-001'")
    async with house.db.transaction(signer) as tx:
        assert (await service.learned(tx, one.id)).status == "suspended"
        diff = {(c.label, c.column): (c.before, c.after) for c in await service.changes(tx, one.id)}
        assert diff == {("CLO-PLA-001", "unit_price"): ("45.5000", "47.0000")}
        renewed = await service.renew(tx, one.id, answer="La cloison coûte 47 €/m² [1].")
        assert (renewed.status, renewed.status_reason) == ("active", None)
        assert await service.changes(tx, one.id) == []
    # The new figure is what it rests on now.
    await owner.execute("UPDATE ouvrages SET description = 'x' WHERE code = 'CLO-FOU-001'")
    assert (await read(house, signer, one.id)).status == "active"
    await owner.execute("UPDATE ouvrages SET unit_price = 45.50 WHERE code = 'CLO-PLA-001'")
    assert (await read(house, signer, one.id)).status == "suspended"
    await work_off(house)
