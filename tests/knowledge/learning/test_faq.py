"""What was learned as pages, as JSON and as a file; a newer answer to the same question takes the older one's place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.knowledge.learning import faq, service
from countersign.stack.embedder import Embedder
from tests.knowledge.conftest import Site, Visit
from tests.knowledge.learning.conftest import Answer, embed, learn, read

Make = Callable[..., Awaitable[Site]]

ASKED = "Quel est le prix de la cloison CLO-PLA-001 ?"
NEW = {"agent": "expert-btp", "question": "Comment poser le rail ?", "answer": "À 60 cm."}


async def test_pages_from_the_form_to_the_history(house: App, signer: Caller, visit: Visit) -> None:
    async with visit(signer) as client:
        assert "Rien n’est encore appris" in (await client.get("/learned")).text
        made = await client.post("/learned", data=NEW)
        assert made.status_code == 303
        at = made.headers["location"]
        page = (await client.get(at)).text
        assert "Comment poser le rail ?" in page and "écrite à la main" in page and "validé par" in page
        assert at in (await client.get("/learned", params={"q": "rail pose"})).text
        assert at not in (await client.get("/learned", params={"q": "baignoire"})).text
        assert at not in (await client.get("/learned", params={"status": "revoked"})).text
        changed = {"question": NEW["question"], "answer": "À 40 cm."}
        assert (await client.post(f"{at}/edit", data=changed)).status_code == 303
        stale = await client.post(f"{at}/edit", data={**changed, "answer": "x", "seen": '"0"'})
        assert stale.status_code == 412
        page = (await client.get(at)).text
        assert "À 40 cm." in page and "À 60 cm." in page  # the history keeps it
        assert (await client.post(f"{at}/revoke", data={"reason": "périmé"})).status_code == 303
        page = (await client.get(at)).text
        assert "périmé" in page and f"{at}/edit" not in page
        refused = await client.post("/learned", data={**NEW, "answer": " "})
        assert refused.status_code == 422 and "Comment poser le rail" in refused.text


async def test_a_suspended_one_is_renewed_on_its_page(
    house: App, signer: Caller, visit: Visit, answer: Answer, owner: Any
) -> None:
    one = await learn(house, signer, await answer(ASKED, "45,50 €/m² [1].", ouvrages=("CLO-PLA-001",)))
    await owner.execute("UPDATE ouvrages SET unit_price = 47 WHERE code = 'CLO-PLA-001'")
    async with visit(signer) as client:
        page = (await client.get(f"/learned/{one.id}")).text
        assert "suspendue" in page and "47" in page and f"/learned/{one.id}/renew" in page
        assert (await client.post(f"/learned/{one.id}/renew")).status_code == 303
    assert (await read(house, signer, one.id)).status == "active"


async def test_a_file_goes_out_and_comes_in_again(house: App, signer: Caller, visit: Visit) -> None:
    async with house.db.transaction(signer) as tx:
        await service.add(tx, "expert-btp", "=SUM(A1) ?", "-5 °C")
    async with visit(signer) as client:
        file = (await client.get("/learned.csv")).content
        assert "'=SUM(A1) ?;'-5 °C;active" in file.decode("utf-8-sig")
        again = await client.post("/learned/import", data={"agent": "expert-btp"}, files={"file": ("f.csv", file)})
        assert again.status_code == 200 and "1 ligne était déjà là" in again.text
        more = b"question,answer,agent\nCombien ?,Trois.,support\nQui ?,,\n"
        brought = await client.post("/learned/import", data={"agent": "expert-btp"}, files={"file": ("f.csv", more)})
        assert "1 réponse a été ajoutée" in brought.text and "1 ligne" in brought.text
        for bad in (b"", b"a;b\n1;2\n", b"\xff\xfe\x00"):
            refused = await client.post("/learned/import", data={"agent": "expert-btp"}, files={"file": ("f", bad)})
            assert refused.status_code == 422
    async with house.db.transaction(signer) as tx:
        states = await tx.all(
            dict,
            "SELECT a.slug, l.question, l.answer FROM learned_responses l JOIN agents a ON a.id = l.agent_id ORDER BY l.id",
        )
    assert [(one["slug"], one["question"]) for one in states] == [
        ("expert-btp", "=SUM(A1) ?"),
        ("support", "Combien ?"),
    ]


async def test_the_api_lists_writes_edits_and_revokes(site: Make) -> None:
    made = await site()
    client = await made.client("admin")
    reader = await made.client("user")
    assert (await reader.post("/api/v1/learned-responses", json=NEW)).status_code == 403
    new = await client.post("/api/v1/learned-responses", json=NEW, headers={"Idempotency-Key": "k"})
    again = await client.post("/api/v1/learned-responses", json=NEW, headers={"Idempotency-Key": "k"})
    assert new.status_code == again.status_code == 201 and new.json()["id"] == again.json()["id"]
    at = new.headers["location"]
    listed = (await reader.get("/api/v1/learned-responses", params={"q": "rail", "status": "active"})).json()
    assert [one["id"] for one in listed["items"]] == [new.json()["id"]] and listed["next"] is None
    edited = await client.patch(at, json={"answer": "À 40 cm."}, headers={"If-Match": new.headers["etag"]})
    assert edited.status_code == 200
    assert (await client.patch(at, json={"answer": "x"}, headers={"If-Match": new.headers["etag"]})).status_code == 412
    whole = (await reader.get(at)).json()
    assert (whole["answer"], len(whole["history"]), whole["rests_on"]) == ("À 40 cm.", 2, [])
    assert (await client.post(f"{at}/renew")).status_code == 409
    revoked = (await client.post(f"{at}/revoke", json={"reason": "périmé"})).json()
    assert (revoked["status"], revoked["status_reason"]) == ("revoked", "périmé")
    assert (await client.get("/api/v1/learned-responses/99")).status_code == 404


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("Quel est le prix de cette cloison CLO-PLA-001 ?", "replaced"),
        ("Quel est le prix de la cloison CLO-PLA-002 ?", "active"),
        ("Quel est le prix de la cloison CLO-PLA-001 sans pose ?", "active"),
    ],
)
async def test_a_newer_answer_to_the_same_question_replaces_the_older(
    site: Make, e5: Embedder, signer: Caller, question: str, status: str
) -> None:
    made = await site(local_embedder_url=e5.url)
    async with made.app.db.transaction(signer) as tx:
        old = await service.add(tx, "expert-btp", ASKED, "45 €")
        other = await service.add(tx, "support", ASKED, "44 €")
        new = await service.add(tx, "expert-btp", question, "46 €")
    await embed(made.app)
    now = await read(made.app, signer, old.id)
    assert (now.status, now.replaced_by) == (status, new.id if status == "replaced" else None)
    assert (await read(made.app, signer, other.id)).status == "active"
    async with made.app.db.transaction(signer) as tx:
        assert (await service.history(tx, old.id))[0].to_status == status


async def test_what_a_file_brings_is_compared_once_for_all_of_it(site: Make, e5: Embedder, signer: Caller) -> None:
    made = await site(local_embedder_url=e5.url)
    lines = [f"Quel est le prix de CLO-PLA-{n:03} ?;{n} €" for n in range(30)]
    file = "\n".join(["question;answer", *lines, "Quel est le prix de CLO-PLA-007 ?;7,50 €", "Et CLO-PLA-008 ?;Rien."])
    async with made.app.db.transaction(signer) as tx:
        old = await service.add(tx, "expert-btp", "Quel est le prix de CLO-PLA-003 ?", "33 €")
        assert await faq.bring(tx, "expert-btp", file.encode()) == (32, 0)
    async with made.app.db.transaction(signer, read_only=True) as tx:
        jobs = "SELECT count(*) FROM jobs WHERE name = 'learning.replace' AND status = 'queued'"
        assert await tx.value(jobs) == 2
    await embed(made.app)
    async with made.app.db.transaction(signer, read_only=True) as tx:
        replaced = await service.listed(tx, status="replaced")
        newer = {one.id: one.answer for one in await service.listed(tx, status="active")}
    assert {(one.id == old.id, one.answer, newer[one.replaced_by or 0]) for one in replaced} == {
        (True, "33 €", "3 €"),
        (False, "7 €", "7,50 €"),
    }
    assert len(newer) == 31
