"""An answer is decided once, by somebody, at a moment, and only along the ways that there are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from countersign.kernel.access import Caller, system
from countersign.kernel.app import App
from countersign.kernel.errors import Conflict, Forbidden, Unauthorized
from countersign.knowledge.chat import service as chat
from countersign.knowledge.learning import service as learning
from countersign.review import decisions, service
from countersign.review.models import (
    AlreadyDecided,
    Filter,
    NoCorrection,
    NoReason,
    NoSuchAnswer,
    NotDecided,
    NotToDecide,
)
from tests.conftest import Tenants
from tests.knowledge.conftest import Visit
from tests.review.conftest import Said


async def test_of_fifty_decisions_at_once_one_wins_and_the_others_learn_who_and_when(
    house: App, said: Said, caller: Callable[..., Caller], owner: psycopg.AsyncConnection[Any]
) -> None:
    message = await said()
    people = [caller("*", email=f"signer-{n}@tenant1.example") for n in range(50)]

    async def decide(n: int, person: Caller) -> str:
        async with house.db.transaction(person) as tx:
            match n % 4:
                case 0:
                    await decisions.validate(tx, message)
                case 1:
                    await decisions.correct(tx, message, f"autre chose {n}")
                case 2:
                    await decisions.reject(tx, message, f"faux {n}")
                case _:
                    await decisions.learn(tx, message)
        assert person.email is not None
        return person.email

    done = await asyncio.gather(*(decide(n, p) for n, p in enumerate(people)), return_exceptions=True)
    won = [one for one in done if isinstance(one, str)]
    lost = [one for one in done if isinstance(one, Conflict)]
    assert (len(won), len(lost)) == (1, 49)
    assert all(isinstance(one, AlreadyDecided) for one in lost), Counter(map(repr, lost))
    assert {one.extra["decided_by"] for one in lost} == {"Fixture"}
    row = await (
        await owner.execute(
            "SELECT u.email, m.validated_at, m.validation_status FROM ai_messages m JOIN users u ON u.id = m.validated_by "
            "WHERE m.uuid = %s",
            (message,),
        )
    ).fetchone()
    assert row is not None and row[0] == won[0]
    assert {(one.extra["decided_at"], one.extra["validation_status"]) for one in lost} == {(row[1].isoformat(), row[2])}
    audited = await (
        await owner.execute("SELECT count(*) FROM audit_logs WHERE auditable_type = 'ai_message'")
    ).fetchone()
    assert audited is not None and audited[0] <= 1


async def test_the_api_says_who_and_when_with_409(
    house: App, said: Said, signer: Caller, visit: Visit, owner: psycopg.AsyncConnection[Any]
) -> None:
    message = await said()
    async with visit(signer) as client:
        base = f"/api/v1/messages/{message}"
        done = await client.post(f"{base}/correct", json={"corrected_content": "46,00 € [1]."})
        assert done.status_code == 200
        assert done.json()["status"] == "validated" and done.json()["corrected_content"] == "46,00 € [1]."
        again = await client.post(f"{base}/reject", json={"reason": "faux"})
        assert again.status_code == 409
        problem = again.json()
        assert problem["code"] == "already-decided"
        assert (
            problem["decided_by"] == "Fixture" and problem["decided_at"] and problem["validation_status"] == "validated"
        )
        later = await client.post(f"{base}/reject", json={"reason": "faux", "seen": "validated"})
        assert later.json()["status"] == "rejected"
        assert (await client.post(f"{base}/learn", json={})).status_code == 409
    told = await (
        await owner.execute("SELECT name, data FROM events WHERE name LIKE 'message.%' ORDER BY id")
    ).fetchall()
    assert [name for name, _ in told] == ["message.validated", "message.rejected"]
    assert told[0][1]["corrected"] is True and told[1][1]["reason"] == "faux"


async def test_only_the_ways_that_there_are(house: App, said: Said, signer: Caller) -> None:
    message = await said()
    async with house.db.transaction(signer) as tx:
        await decisions.validate(tx, message)
        await decisions.learn(tx, message, seen="validated")
        with pytest.raises(AlreadyDecided):
            await decisions.learn(tx, message, seen="validated")
        rejected = await decisions.reject(tx, message, "le prix a changé", seen="learned")
        assert rejected.status == "rejected"
        for seen in ("pending", "validated", "learned"):
            with pytest.raises(AlreadyDecided):
                await decisions.reject(tx, message, "encore", seen=seen)
    other = await said()
    async with house.db.transaction(signer) as tx:
        with pytest.raises(NotDecided):
            await decisions.reject(tx, other, "faux", seen="validated")


async def test_a_rejected_answer_takes_what_was_learned_from_it_along(house: App, said: Said, signer: Caller) -> None:
    message = await said()
    async with house.db.transaction(signer) as tx:
        learned = await decisions.learn(tx, message, "Prix de la cloison ?")
        await decisions.reject(tx, message, "faux", seen="learned")
        assert (await learning.learned(tx, learned.id)).status == "revoked"


async def test_a_rejected_answer_is_in_no_history_and_a_correction_is_in_it(
    house: App, said: Said, signer: Caller
) -> None:
    wrong, right = await said("faux"), await said("presque")
    async with house.db.transaction(signer) as tx:
        await decisions.reject(tx, wrong, "raison secrète")
        await decisions.correct(tx, right, "juste")
        for message, expected in ((wrong, []), (right, ["juste"])):
            past = await tx.all(
                dict,
                "SELECT coalesce(corrected_content, content) AS content FROM ai_messages WHERE role = 'assistant' "
                "AND validation_status <> 'rejected' AND uuid = %(uuid)s",
                uuid=message,
            )
            assert [one["content"] for one in past] == expected
        shown = await chat.message(tx, right)
        assert (shown.content, shown.corrected_content, shown.validated_by_name) == ("presque", "juste", "Fixture")


async def test_what_was_decided_is_not_rewritten(
    house: App, said: Said, signer: Caller, owner: psycopg.AsyncConnection[Any]
) -> None:
    message = await said()
    async with house.db.transaction(signer) as tx:
        await decisions.validate(tx, message)
    for change in ("validated_at = now()", "corrected_content = 'autre'", "rejection_reason = 'x'"):
        with pytest.raises(psycopg.Error, match="decision-fixed"):
            await owner.execute(f"UPDATE ai_messages SET {change} WHERE uuid = %s".encode(), (message,))


async def test_what_cannot_be_decided(house: App, said: Said, signer: Caller) -> None:
    whole, stopped = await said(), await said("à moit", status="stopped")
    async with house.db.transaction(signer) as tx:
        with pytest.raises(NotToDecide):
            await decisions.validate(tx, stopped)
        assert (await decisions.reject(tx, stopped, "incomplète")).status == "rejected"
        with pytest.raises(NoReason):
            await decisions.reject(tx, whole, "  ")
        with pytest.raises(NoCorrection):
            await decisions.correct(tx, whole, " \n ")
        same = await decisions.correct(tx, whole, "45,50 € [1].\n")
        assert (same.status, same.corrected_content) == ("validated", None)


async def test_who_may_decide(house: App, said: Said, tenants: Tenants, caller: Callable[..., Caller]) -> None:
    message = await said()
    reader = caller("ai-sessions.view", "ai-sessions.view-all")
    async with house.db.transaction(reader) as tx:
        with pytest.raises(Forbidden):
            await decisions.validate(tx, message)
    validator = caller("ai-sessions.validate", email="v@tenant1.example")
    async with house.db.transaction(validator) as tx:
        with pytest.raises(Forbidden):
            await decisions.learn(tx, message)
    async with house.db.transaction(tenants.b.caller) as tx:
        with pytest.raises(NoSuchAnswer):
            await decisions.validate(tx, message)
        assert await service.waiting(tx, Filter()) == []
        assert await service.count(tx) == 0
    async with house.db.transaction(system()) as tx:
        with pytest.raises(Unauthorized):
            await decisions.validate(tx, message)
