"""The pages of measurements, as a browser without script uses them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from countersign.kernel.access import Caller
from tests.knowledge.conftest import CSRF, Site, Visit, work_off
from tests.knowledge.evaluation.conftest import Signed
from tests.knowledge.evaluation.test_service import RULES

AT = "/agents/expert-btp/evaluation"


async def test_from_the_changed_prompt_to_the_published_version(
    site: Callable[..., Awaitable[Site]], signed: Signed, visit: Visit, caller: Callable[..., Caller]
) -> None:
    here = await site(RULES)
    async with visit(caller("*")) as client:
        empty = await client.post(AT, data={"csrf": CSRF})
        assert empty.status_code == 409 and "Personne n’a encore validé" in empty.text
        await signed(here)
        for _ in range(2):
            begun = await client.post(AT, data={"csrf": CSRF})
            assert begun.status_code == 303
            assert "<progress" in (await client.get(begun.headers["location"])).text
            await work_off(here.app)
        measured = (await client.get(begun.headers["location"])).text
        assert 'data-figure="live-r1">100,0' in measured.replace("\u00a0%", "") and "999,99" in measured
        listed = (await client.get(AT)).text
        assert '<svg class="steps"' in listed

        form = {"csrf": CSRF, "system_prompt": "Tu réponds court.", "change_note": "Plus court"}
        tried = (await client.post(AT, data=form)).headers["location"]
        await work_off(here.app)
        shown = (await client.get(tried)).text
        assert 'data-figure="tried-r1"' in shown and "Tu réponds court." in shown
        same = await client.post(AT, data={"csrf": CSRF, "model": "scripted:words", "system_prompt": ""})
        assert same.status_code == 422
        assert (await client.post(f"{tried}/publish", data={"csrf": CSRF})).status_code == 303
        assert "publié comme version 2" in (await client.get(tried)).text.replace("\u00a0", " ")
        assert (await client.post(f"{tried}/drop", data={"csrf": CSRF})).status_code == 409
        assert "Plus court" in (await client.get("/agents/expert-btp/prompt")).text
    async with visit(caller("agents.view")) as client:
        assert (await client.get(AT)).status_code == 403
