"""Whatever waits is in the inbox, worst first, and in nobody's hands twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from countersign.kernel.access import Caller, system
from countersign.kernel.app import App
from countersign.knowledge.chat import service as chat
from countersign.knowledge.learning import service as learning
from countersign.review import decisions, service
from countersign.review.models import Entry, Filter, NoSuchItem
from tests.conftest import Tenants
from tests.knowledge.conftest import Visit
from tests.review.conftest import Said

LIKE = (
    "INSERT INTO ai_feedbacks (message_id, user_id, is_helpful) SELECT id, current_actor(), %(good)s::boolean "
    "FROM ai_messages WHERE uuid = %(uuid)s"
)


async def test_worst_comes_first(house: App, said: Said, signer: Caller) -> None:
    await said(question="bonne")
    disliked = await said(question="mal vue")
    await said(question="un chiffre", wrong=1)
    await said(question="trois chiffres", wrong=3)
    await said("Je ne sais pas.", question="sans source", context={"sources": []})
    await said("Sans renvoi.", question="non citée")
    async with house.db.transaction(signer) as tx:
        await tx.run(LIKE, good=False, uuid=disliked)
    async with house.db.transaction(signer) as tx:
        found = await service.waiting(tx, Filter())
        expected = ["trois chiffres", "un chiffre", "mal vue", "sans source", "non citée", "bonne"]
        assert [e.question for e in found] == expected
        assert [e.reasons for e in found] == [
            ["unsupported"],
            ["unsupported"],
            ["negative"],
            ["no-source"],
            ["uncited"],
            [],
        ]
        await tx.run("DELETE FROM ai_feedbacks")
        assert (await service.waiting(tx, Filter()))[-1].question in ("mal vue", "bonne")


async def test_age_counts_as_urgency(house: App, said: Said, owner: psycopg.AsyncConnection[object]) -> None:
    old = await said(question="vieille")
    await said(question="un chiffre", wrong=1)
    await owner.execute(
        "UPDATE review_items SET waiting_since = now() - interval '9 days', rank_at = rank_at - interval '9 days' "
        "FROM ai_messages m WHERE m.id = message_id AND m.uuid = %s",
        (old,),
    )
    async with house.db.transaction(system()) as tx:
        assert [e.question for e in await service.waiting(tx, Filter())] == ["vieille", "un chiffre"]
        assert [e.question for e in await service.waiting(tx, Filter(days=7))] == ["vieille"]


async def test_filters_and_pages(house: App, said: Said, signer: Caller, visit: Visit) -> None:
    for n in range(5):
        await said(question=f"q{n}", wrong=n % 2)
    await said(question="aide", agent="support")
    async with visit(signer) as client:
        seen: list[str] = []
        after = None
        while True:
            asked = {"limit": 2, **({"after": after} if after else {})}
            answer = (await client.get("/api/v1/inbox", params=asked)).json()
            seen += [one["question"] for one in answer["items"]]
            after = answer["next"]
            if after is None:
                break
        assert len(seen) == len(set(seen)) == 6
        for params, many in (({"agent": "support"}, 1), ({"reason": "unsupported"}, 2), ({"days": 1}, 0)):
            found = (await client.get("/api/v1/inbox", params=params)).json()["items"]
            assert len(found) == many, params
        assert (await client.get("/api/v1/inbox", params={"after": "nonsense"})).status_code == 422
        decided = (await client.get("/api/v1/inbox", params={"status": "decided"})).json()["items"]
        assert decided == []


async def test_two_who_ask_at_once_never_get_the_same(house: App, said: Said, caller: Callable[..., Caller]) -> None:
    for n in range(12):
        await said(question=f"q{n}")
    people = [caller("*", email=f"p{n}@tenant1.example") for n in range(12)]

    async def take(person: Caller) -> int | None:
        async with house.db.transaction(person) as tx:
            found = await service.take_next(tx, Filter())
        return found.id if found else None

    taken: list[int | None] = []
    # One that is being taken in that very instant is passed over; whoever got none asks again, as the page does.
    for _ in range(12):
        missing = people[: 12 - len(taken)]
        if not missing:
            break
        got = await asyncio.gather(*map(take, missing))
        taken += [one for one in got if one is not None]
        people = [p for p, one in zip(missing, got, strict=True) if one is None]
    assert len(taken) == len(set(taken)) == 12


async def test_what_is_in_hand_comes_back_when_let_go_or_after_a_while(
    house: App, said: Said, signer: Caller, caller: Callable[..., Caller], owner: psycopg.AsyncConnection[object]
) -> None:
    await said()
    other = caller("*", email="other@tenant1.example")
    async with house.db.transaction(signer) as tx:
        mine = await service.take_next(tx, Filter())
        assert mine is not None and mine.held_by is None
    async with house.db.transaction(other) as tx:
        assert await service.take_next(tx, Filter()) is None
        assert (await service.take(tx, mine.id)).held_by == "Fixture"
        assert (await service.waiting(tx, Filter()))[0].held_by == "Fixture"
    async with house.db.transaction(signer) as tx:
        await service.let_go(tx)
    async with house.db.transaction(other) as tx:
        theirs = await service.take_next(tx, Filter())
        assert theirs is not None and theirs.id == mine.id
    await owner.execute("UPDATE review_items SET claimed_until = now() - interval '1 second'")
    async with house.db.transaction(signer) as tx:
        assert (await service.take(tx, mine.id)).held_by is None


async def test_the_next_is_the_one_below_then_the_top(house: App, said: Said, signer: Caller) -> None:
    for n in range(3):
        await said(question=f"q{n}", wrong=2 - n)
    async with house.db.transaction(signer) as tx:
        first, second, third = await service.waiting(tx, Filter())
        below = await service.take_next(tx, Filter(), after=second.id)
        assert below is not None and below.id == third.id
        top = await service.take_next(tx, Filter(), after=third.id)
        assert top is not None and top.id == first.id


async def test_decided_ones_leave_and_are_counted(house: App, said: Said, signer: Caller) -> None:
    messages = [await said(question=f"q{n}") for n in range(4)]
    begun = datetime.now(UTC) - timedelta(minutes=5)
    async with house.db.transaction(signer) as tx:
        await decisions.validate(tx, messages[0])
        await decisions.correct(tx, messages[1], "mieux")
        await decisions.reject(tx, messages[2], "faux")
        assert [e.question for e in await service.waiting(tx, Filter())] == ["q3"]
        assert await service.count(tx) == 1
        done = await service.decided(tx, Filter())
        assert {e.outcome for e in done} == {"validated", "corrected", "rejected"}
        assert all(e.closed_by_name == "Fixture" for e in done)
        assert await service.done_since(tx, begun) == {"validated": 1, "corrected": 1, "rejected": 1}
        today = (await service.course(tx, 30, ZoneInfo("Europe/Paris")))[-1]
        assert (today.waiting, today.decided) == (1, 3) and today.hours is not None


async def test_a_conversation_that_is_deleted_leaves_the_inbox(house: App, said: Said, signer: Caller) -> None:
    message = await said()
    async with house.db.transaction(signer) as tx:
        found = await chat.message(tx, message)
        await chat.delete(tx, found.session_uuid)
        assert await service.count(tx) == 0
        assert await service.decided(tx, Filter()) == []
        await tx.run("UPDATE ai_sessions SET status = 'active' WHERE uuid = %(uuid)s", uuid=found.session_uuid)
        assert await service.count(tx) == 1


async def test_a_suspended_learned_answer_waits_until_it_is_renewed(
    house: App, signer: Caller, owner: psycopg.AsyncConnection[object]
) -> None:
    async with house.db.transaction(signer) as tx:
        one = await learning.add(tx, "expert-btp", "Quel prix ?", "45,50 €")
    await owner.execute(
        "UPDATE learned_responses SET status = 'suspended', status_reason = 'CLO-PLA-001 (unit_price)' WHERE id = %s",
        (one.id,),
    )
    async with house.db.transaction(signer) as tx:
        (found,) = await service.waiting(tx, Filter())
        assert (found.kind, found.reasons, found.question) == ("learned", ["suspended"], "Quel prix ?")
        assert (await service.item(tx, found.id)).question == "Quel prix ?"
        await learning.renew(tx, one.id)
        assert await service.count(tx) == 0
        assert [e.outcome for e in await service.decided(tx, Filter())] == ["renewed"]


async def test_another_organisation_sees_and_takes_nothing(house: App, said: Said, tenants: Tenants) -> None:
    await said()
    async with house.db.transaction(tenants.a.caller) as tx:
        (mine,) = await service.waiting(tx, Filter())
    async with house.db.transaction(tenants.b.caller) as tx:
        assert await service.waiting(tx, Filter()) == []
        assert await service.take_next(tx, Filter()) is None
        with pytest.raises(NoSuchItem):
            await service.take(tx, mine.id)
        assert (await service.course(tx, 2, UTC))[-1].waiting == 0
    async with house.db.transaction(tenants.a.caller) as tx:
        untouched: list[Entry] = await service.waiting(tx, Filter())
    assert untouched[0].held_by is None
