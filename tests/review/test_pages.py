"""The pages of the inbox: the queue, one thing beside its sources, decisions by form, by script and by the dozen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.knowledge.chat import service as chat
from countersign.knowledge.learning import service as learning
from countersign.review import decisions, service
from countersign.review.models import LEARN, VALIDATE, Filter
from tests.knowledge.conftest import Visit
from tests.review.conftest import Said

PIECE = {"HX-Request": "true"}
SCRIPT = {"Accept": "application/json"}


@pytest.fixture
def other(caller: Callable[..., Caller]) -> Caller:
    """Somebody else who may review."""
    return caller("*", email="other@tenant1.example")


async def items(house: App, by: Caller) -> list[int]:
    """What waits, worst first."""
    async with house.db.transaction(by) as tx:
        return [one.id for one in await service.waiting(tx, Filter(), limit=200)]


def lines(text: str) -> list[int]:
    """The things that a page lists, in its order."""
    return [int(found) for found in re.findall(r'data-item="(\d+)"', text)]


async def held(house: App, by: Caller) -> list[str | None]:
    async with house.db.transaction(by) as tx:
        return [one.held_by for one in await service.waiting(tx, Filter())]


async def test_the_queue_is_listed_worst_first_with_its_filters_and_pictures(
    house: App, said: Said, signer: Caller, visit: Visit
) -> None:
    for n in range(3):
        await said(question=f"q{n}", wrong=n)
    await said(question="aide", agent="support")
    async with visit(signer) as client:
        text = (await client.get("/inbox")).text
        assert lines(text) == await items(house, signer)
        assert text.count('class="bars"') == 1 and "Rien n’a été décidé pendant ces 30 jours." in text
        assert "chiffres non vérifiés" in text and "Commencer par la pire" in text
        for query, many in (
            ("agent=support", 1),
            ("reason=unsupported", 2),
            ("days=1", 0),
            ("reason=nonsense&days=x&agent=", 4),
            ("status=decided", 0),
        ):
            page = await client.get(f"/inbox?{query}")
            assert (page.status_code, len(lines(page.text))) == (200, many), query
        part = await client.get("/inbox", headers=PIECE)
        assert "<html" not in part.text and len(lines(part.text)) == 4
        file = (await client.get("/inbox.csv?agent=support")).content.decode("utf-8-sig").splitlines()
        assert file[0].startswith("id;kind;agent_slug;reasons") and len(file) == 2 and ";support;" in file[1]
        count = await client.get("/inbox/count", headers=PIECE)
        assert "4 en attente" in count.text


async def test_a_long_queue_goes_on_and_is_shown_where_one_stands(
    house: App, said: Said, signer: Caller, visit: Visit
) -> None:
    for n in range(52):
        await said(question=f"q{n}")
    every = await items(house, signer)
    async with visit(signer) as client:
        first = (await client.get("/inbox")).text
        assert lines(first) == every[:50]
        more = re.search(r'rel="next" href="([^"]+)"', first)
        assert more and lines((await client.get(more[1].replace("&amp;", "&"))).text) == every[50:]
        assert lines((await client.get(f"/inbox/{every[51]}")).text) == every[51:]
        assert lines((await client.get(f"/inbox/{every[3]}")).text) == every[:50]


async def test_opening_takes_and_looking_ahead_does_not(
    house: App, said: Said, signer: Caller, other: Caller, visit: Visit
) -> None:
    await said("Comptez **3 jours** à 99 € [1].", wrong=1)
    await said(question="la suivante")
    first, second = await items(house, signer)
    async with visit(signer) as client:
        page = await client.get(f"/inbox/{second}?ahead=true", headers=PIECE)
        assert "la suivante" in page.text and "<html" not in page.text
        assert await held(house, other) == [None, None]
        text = (await client.get(f"/inbox/{first}")).text
        assert f'data-next="{second}"' in text and "<strong>3 jours</strong>" in text
        assert 'class="doubt"' in text and 'id="source-1"' in text
        assert text.count("data-act=") == 4
    assert await held(house, other) == ["Fixture", None]
    async with visit(other) as client:
        text = (await client.get(f"/inbox/{first}")).text
        assert "Fixture l’a en main en ce moment" in text and "data-act=" not in text
        refused = await client.post(f"/inbox/{first}/validate")
        assert refused.status_code == 409 and "Fixture l’a en main" in refused.text
        assert (await client.post(f"/inbox/{first}/take", headers=SCRIPT)).status_code == 409
        taken = await client.post("/inbox/next", headers=SCRIPT)
        assert taken.json() == {"next": second}
        assert (await client.post(f"/inbox/{second}/take")).status_code == 204
        assert (await client.post("/inbox/next", data={"after": second}, headers=SCRIPT)).json() == {"next": second}
        await client.get("/inbox")
    assert await held(house, signer) == [None, None]


async def test_each_decision_leads_to_the_next(house: App, said: Said, signer: Caller, visit: Visit) -> None:
    messages = [await said(question=f"q{n}", wrong=4 - n) for n in range(4)]
    ids = await items(house, signer)
    async with visit(signer) as client:
        answer = await client.post(f"/inbox/{ids[0]}/validate?reason=unsupported")
        assert answer.headers["location"] == f"/inbox/{ids[1]}?reason=unsupported"
        answer = await client.post(f"/inbox/{ids[1]}/correct", data={"text": "Mieux."}, headers=SCRIPT)
        assert answer.json() == {"next": ids[2]}
        for text in ("", " "):
            empty = await client.post(f"/inbox/{ids[2]}/reject", data={"text": text})
            assert empty.status_code == 422 and 'role="alert"' in empty.text
        answer = await client.post(f"/inbox/{ids[2]}/reject", data={"text": "Faux."})
        assert answer.headers["location"] == f"/inbox/{ids[3]}?"
        answer = await client.post(f"/inbox/{ids[3]}/learn", data={"question": "Quel prix au m² ?"})
        assert answer.headers["location"] == "/inbox?"
        text = (await client.get("/inbox")).text
        assert "Tout est décidé." in text and text.count('class="bars"') == 2
        decided = (await client.get("/inbox?status=decided")).text
        assert lines(decided) == ids[::-1]
        assert len(lines((await client.get("/inbox?status=rejected")).text)) == 1
        corrected = (await client.get(f"/inbox/{ids[1]}?status=decided")).text
        assert "Ce qui a été corrigé" in corrected and 'class="gone"' in corrected and "Mieux." in corrected
        assert "Faux." in (await client.get(f"/inbox/{ids[2]}")).text
    async with house.db.transaction(signer) as tx:
        found = [await chat.message(tx, one) for one in messages]
    assert [m.validation_status for m in found] == ["validated", "validated", "rejected", "learned"]


async def test_what_is_corrected_can_be_learned_at_once(house: App, said: Said, signer: Caller, visit: Visit) -> None:
    message = await said()
    (number,) = await items(house, signer)
    async with visit(signer) as client:
        typed = await client.post(f"/inbox/{number}/difference", data={"text": "46,00 € [1]."}, headers=PIECE)
        assert "<mark>46</mark>" in typed.text.replace(",", "</mark>,", 1) or "<mark>" in typed.text
        same = await client.post(f"/inbox/{number}/difference", data={"text": "45,50 € [1]."}, headers=PIECE)
        assert "Les deux disent la même chose." in same.text
        await client.post(f"/inbox/{number}/correct", data={"text": "46,00 €", "learn": "true"})
    async with house.db.transaction(signer) as tx:
        found = await chat.message(tx, message)
    assert (found.validation_status, found.corrected_content) == ("learned", "46,00 €")


async def test_who_was_slower_sees_by_whom_it_was_decided(
    house: App, said: Said, signer: Caller, other: Caller, visit: Visit
) -> None:
    message = await said()
    (number,) = await items(house, signer)
    async with visit(signer) as client:
        await client.get(f"/inbox/{number}")
        async with house.db.transaction(other) as tx:
            await decisions.reject(tx, message, "faux")
        late = await client.post(f"/inbox/{number}/validate")
        assert late.status_code == 409
        assert "Déjà décidé" in late.text and re.search(r"rejetée · \w+", late.text) and "data-act=" not in late.text
        told = (await client.post(f"/inbox/{number}/validate", headers=SCRIPT)).json()
        assert told["code"] == "already-decided" and "rejetée" in told["detail"]


async def test_a_decision_can_be_taken_back_as_it_was_seen(
    house: App, said: Said, signer: Caller, visit: Visit
) -> None:
    message = await said()
    (number,) = await items(house, signer)
    async with visit(signer) as client:
        await client.post(f"/inbox/{number}/validate")
        text = (await client.get(f"/inbox/{number}?status=decided")).text
        assert re.findall(r'data-act="(\w+)"', text) == ["reject", "learn"]
        answer = await client.post(
            f"/inbox/{number}/reject?status=decided", data={"text": "Faux.", "seen": "validated"}
        )
        assert answer.headers["location"] == f"/inbox/{number}?status=decided"
    async with house.db.transaction(signer) as tx:
        assert (await chat.message(tx, message)).validation_status == "rejected"


async def test_several_are_decided_at_once_and_those_of_others_are_left(
    house: App, said: Said, signer: Caller, other: Caller, visit: Visit
) -> None:
    for n in range(4):
        await said(question=f"q{n}")
    ids = await items(house, signer)
    async with house.db.transaction(other) as tx:
        await service.take(tx, ids[0])
    async with visit(signer) as client:
        answer = await client.post("/inbox/decide", data={"verb": "reject", "item": [str(i) for i in ids]})
        assert answer.status_code == 422 and 'role="alert"' in answer.text
        answer = await client.post("/inbox/decide", data={"verb": "validate", "item": [*map(str, ids), "99999999"]})
        assert answer.status_code == 303
        text = (await client.get(answer.headers["location"])).text
        assert "3 réponses décidées." in text and "2 laissées telles quelles" in text
    assert await items(house, signer) == ids[:1]


async def test_a_suspended_learned_answer_shows_what_changed_and_is_renewed(
    house: App, said: Said, signer: Caller, visit: Visit, owner: psycopg.AsyncConnection[Any]
) -> None:
    async with house.db.transaction(signer) as tx:
        row = await tx.one(dict, "SELECT id FROM ouvrages WHERE code = 'CLO-PLA-001'")
    source = {"n": 1, "id": "x", "kind": "ouvrage", "score": 0.9, "title": "Cloison", "code": None, "table": "ouvrages"}
    shown = {"sources": [{**source, "row_id": row["id"]}], "hydrated_data": {}}
    for question in ("Quel prix ?", "Quel tarif au m² ?"):
        message = await said("45,50 € [1].", question, context=shown)
        async with house.db.transaction(signer) as tx:
            await decisions.learn(tx, message)
    async with house.db.transaction(signer) as tx:
        await tx.run("UPDATE ouvrages SET unit_price = 47.20 WHERE id = %(id)s", id=row["id"])
    first, second = await items(house, signer)
    async with visit(signer) as client:
        text = (await client.get(f"/inbox/{first}")).text
        assert "Ce qui a changé" in text and "47,20\u00a0€" in text and "45,50\u00a0€" in text
        assert re.findall(r'data-act="(\w+)"', text) == ["validate", "correct", "reject"]
        await client.post(f"/inbox/{first}/correct", data={"text": "47,20 € [1]."})
        gone = await client.post(f"/inbox/{first}/validate", headers=SCRIPT)
        assert gone.status_code == 409 and gone.json()["code"] == "already-decided"
        await client.post(f"/inbox/{second}/reject", data={"text": "Périmée."})
    async with house.db.transaction(signer) as tx:
        done = await service.decided(tx, Filter())
        assert [one.outcome for one in done][:2] == ["revoked", "renewed"]
        number = (await service.item(tx, first)).learned
        assert number is not None and (await learning.learned(tx, number)).answer == "47,20 € [1]."


async def test_who_may_validate_reads_the_answers_and_nothing_beyond(
    house: App, said: Said, signer: Caller, caller: Callable[..., Caller], visit: Visit
) -> None:
    message = await said("Comptez 3 jours.")
    (number,) = await items(house, signer)
    reviewer = caller(VALIDATE, email="reviewer@tenant1.example")
    async with visit(reviewer) as client:
        text = (await client.get(f"/inbox/{number}")).text
        assert "Comptez 3 jours." in text and "/sessions/" not in text
        assert re.findall(r'data-act="(\w+)"', text) == ["validate", "correct", "reject"]
        assert (await client.post(f"/inbox/{number}/learn", headers=SCRIPT)).status_code == 403
    async with visit(caller(LEARN, email="learner@tenant1.example")) as client:
        for answer in (
            await client.get("/inbox"),
            await client.get(f"/inbox/{number}"),
            await client.post(f"/inbox/{number}/validate"),
            await client.post("/inbox/decide", data={"verb": "validate", "item": str(number)}),
        ):
            assert isinstance(answer, httpx.Response) and answer.status_code == 403
    async with house.db.transaction(signer) as tx:
        assert (await chat.message(tx, message)).validation_status == "pending"


async def test_what_was_deleted_is_not_shown(house: App, said: Said, signer: Caller, visit: Visit) -> None:
    message = await said()
    (number,) = await items(house, signer)
    async with house.db.transaction(signer) as tx:
        await chat.delete(tx, (await chat.message(tx, message)).session_uuid)
    async with visit(signer) as client:
        assert (await client.get(f"/inbox/{number}")).status_code == 404
        assert (await client.get("/inbox/99999999")).status_code == 404
