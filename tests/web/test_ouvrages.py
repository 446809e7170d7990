"""The pages that change ouvrages, as a browser without script uses them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.knowledge.ouvrages import library, service
from countersign.knowledge.ouvrages.forms import entered
from tests.conftest import Tenants
from tests.web.conftest import CSRF, Sample, Visit

AT = "/records/ouvrages"
NEW = {"csrf": CSRF, "code": "T-1", "name": "Un", "type": "simple", "unit": "m2", "currency": "EUR"}


def hidden(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, name
    return found[1].replace("&#34;", '"')


async def editor(client: httpx.AsyncClient, ouvrage: int) -> dict[str, str]:
    """The fields of the composition editor as they stand."""
    text = (await client.get(f"{AT}/{ouvrage}/composition")).text
    fields = dict(re.findall(r'name="(c\d+-\w+)" value="([^"]*)"', text))
    return {"csrf": CSRF, "seen": hidden(text, "seen"), **fields}


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("1 234,5", "fr", "1234.5"),
        ("1 234,50", "fr", "1234.50"),
        ("12.5", "fr", "12.5"),
        ("1,234.5", "en", "1234.5"),
        ("12,5", "en", "12.5"),
        ("-3", "fr", "-3"),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, locale: str, value: str) -> None:
    assert entered(text, locale) == Decimal(value)


@pytest.mark.parametrize("text", ["", "abc", "1,2,3", "1.234,5", "NaN", "1e9", "٣", "--1", "9" * 40])
def test_what_is_no_number_is_none(text: str) -> None:
    assert entered(text, "fr") is None


async def test_an_ouvrage_is_made_and_changed_by_its_form(sample: Sample, visit: Visit, house: App) -> None:
    async with visit(replace(sample.caller, locale="fr")) as client:
        made = await client.post(
            f"{AT}/new", data={**NEW, "unit_price": "1 234,50", "specs": "epaisseur: 72 mm", "parent": "x-nul"}
        )
        assert made.status_code == 303
        page = (await client.get(made.headers["location"])).text
        assert "1\u202f234,50" in page and "72 mm" in page and "X-NUL" in page
        form = (await client.get(made.headers["location"] + "/edit")).text
        assert 'value="1234,5"' in form and "epaisseur: 72 mm" in form
        seen = hidden(form, "seen")
        change = {**NEW, "seen": seen, "unit_price": "1300"}
        assert (await client.post(made.headers["location"] + "/edit", data=change)).status_code == 303
        stale = await client.post(made.headers["location"] + "/edit", data={**change, "name": "Ma saisie"})
        assert stale.status_code == 412
        assert "a changé depuis que vous l’avez lu" in stale.text and 'value="Ma saisie"' in stale.text
        page = (await client.get(made.headers["location"])).text
        assert "Historique du prix" in page and "à la main" in page and "<polyline" in page
    async with house.db.transaction(sample.caller) as tx:
        one = await service.by_code(tx, "T-1")
    assert (one.unit_price, one.unit, one.parent_id) == (Decimal(1300), "m²", None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"unit_price": "cher"}, "Un prix est un nombre"),
        ({"unit_price": "1,23456"}, "Un prix est un nombre"),
        ({"code": "F-PLA"}, "Un autre ouvrage porte ce code"),
        ({"code": " "}, "ne peuvent pas être vides"),
        ({"code": "x" * 51}, "trop longue"),
        ({"name": "a\x07b"}, "trop longue ou contient"),
        ({"type": "autre"}, "trop longue ou"),
        ({"parent": "NOBODY"}, "sous lequel ranger"),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_typed_stays(
    wrong: dict[str, str], said: str, sample: Sample, visit: Visit
) -> None:
    async with visit(replace(sample.caller, locale="fr")) as client:
        answer = await client.post(f"{AT}/new", data={**NEW, "description": "Gardez-moi", **wrong})
    assert answer.status_code in (409, 422)
    assert said in answer.text and "Gardez-moi" in answer.text


async def test_a_composition_is_edited_line_by_line(sample: Sample, visit: Visit, house: App) -> None:
    at = f"{AT}/{sample.ouvrage}/composition"
    async with visit(replace(sample.caller, locale="fr")) as client:
        fields = await editor(client, sample.ouvrage)
        assert (fields["c0-quantity"], fields["c1-quantity"]) == ("2", "0,5")
        added = await client.post(at, data={**fields, "action": "add", "add": "x-nul"})
        assert 'name="c2-id"' in added.text
        unknown = await client.post(at, data={**fields, "action": "add", "add": "NOBODY"})
        assert unknown.status_code == 422 and 'value="NOBODY"' in unknown.text
        moved = (await client.post(at, data={**fields, "action": "up-1"})).text
        assert re.findall(r'name="c\d-quantity" value="([^"]*)"', moved) == ["0,5", "2"]
        out = (await client.post(at, data={**fields, "action": "remove-0"})).text
        assert 'name="c1-id"' not in out
        itself = await client.post(at, data={**fields, "action": "add", "add": "CLO-PLA-001"})
        ring = dict(re.findall(r'name="(c\d+-\w+)" value="([^"]*)"', itself.text))
        refused = await client.post(at, data={**fields, **ring, "action": "save"})
        assert refused.status_code == 409 and "se contenir" in refused.text
        for quantity in ("0", "peu", "1,23456"):
            refused = await client.post(at, data={**fields, "c0-quantity": quantity, "action": "save"})
            assert refused.status_code == 422 and "Une quantité est" in refused.text
        saved = await client.post(at, data={**fields, "c0-quantity": "3,25", "action": "save"})
        assert saved.status_code == 303
        again = await client.post(at, data={**fields, "action": "save"})
        assert again.status_code == 412, "somebody saved meanwhile"
        page = (await client.get(saved.headers["location"])).text
        assert "Reprendre ce prix" in page
        taken = await client.post(f"{AT}/{sample.ouvrage}/price", data={"csrf": CSRF, "seen": hidden(page, "seen")})
        assert taken.status_code == 303
        assert "Reprendre ce prix" not in (await client.get(saved.headers["location"])).text
    async with house.db.transaction(sample.caller) as tx:
        one = await service.ouvrage(tx, sample.ouvrage)
    assert one.unit_price == one.cost == Decimal("3.25") * Decimal("12.25") + 21


async def test_deleting_by_the_page_and_what_stops_it(sample: Sample, visit: Visit) -> None:
    async with visit(replace(sample.caller, locale="fr")) as client:
        refused = await client.post(f"{AT}/{sample.supply}/delete", data={"csrf": CSRF})
        assert refused.status_code == 409 and "en sont composés" in refused.text
        assert (await client.post(f"{AT}/{sample.ouvrage}/delete", data={"csrf": CSRF})).status_code == 303
        assert (await client.get(f"{AT}/{sample.ouvrage}")).status_code == 404


async def test_the_tree_comes_branch_by_branch(visit: Visit, house: App, caller: Callable[..., Caller]) -> None:
    reader = caller("ouvrages.view")
    async with house.db.transaction(reader) as tx:
        await library.load_demonstration(tx)
        trade = await service.by_code(tx, "CLO")
    async with visit(reader) as client:
        whole = (await client.get(f"{AT}/tree")).text
        assert f"{AT}/tree?below={trade.id}" in whole and "CLO-PLA-001" not in whole
        branch = (await client.get(f"{AT}/tree?below={trade.id}", headers={"HX-Request": "true"})).text
        assert "<html" not in branch and branch.count("<li") >= 1 and "CLO-PLA" in branch
        assert "/new" not in whole, "who may only look is offered no change"
        assert "/edit" not in (await client.get(f"{AT}/{trade.id}")).text


async def test_the_list_is_narrowed_by_price(sample: Sample, visit: Visit) -> None:
    async with visit(replace(sample.caller, locale="fr")) as client:
        text = (await client.get(f"{AT}?price_min=12,25&price_max=42")).text
        assert "F-PLA" in text and "MO-PLA" in text and "CLO-PLA-001" not in text
        export = (await client.get(f"{AT}.csv?price_min=42,5")).text
        assert "CLO-PLA-001" in export and "F-PLA" not in export
        assert "CLO-PLA-001" in (await client.get(f"{AT}?price_min=';DROP")).text


async def test_no_page_touches_another_tenants_ouvrage(visit: Visit, house: App, tenants: Tenants) -> None:
    async with house.db.transaction(tenants.b.caller) as tx:
        await library.load_demonstration(tx)
        theirs = await service.by_code(tx, "CLO-PLA-001")
    async with visit(tenants.a.caller) as client:
        for path in ("", "/edit", "/composition"):
            assert (await client.get(f"{AT}/{theirs.id}{path}")).status_code == 404
        for path in ("/edit", "/composition", "/price", "/delete"):
            sent = {**NEW, "seen": theirs.etag, "action": "save"}
            assert (await client.post(f"{AT}/{theirs.id}{path}", data=sent)).status_code == 404, path
        assert (await client.get(f"{AT}/tree?below={theirs.id}")).status_code == 404
        assert (await client.get(f"{AT}/new?below={theirs.id}")).status_code == 404
        assert "CLO" not in (await client.get(f"{AT}/picks?add=CLO")).text
        assert "CLO-PLA" not in (await client.get(f"{AT}/tree")).text
    async with house.db.transaction(tenants.b.caller) as tx:
        assert (await service.ouvrage(tx, theirs.id)).unit_price == theirs.unit_price
