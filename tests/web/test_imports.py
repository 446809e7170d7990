"""The pages of imports, as a browser without script uses them: file, columns, dry run, import, undo."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.knowledge.imports import files
from countersign.knowledge.imports.reasons import TEXTS, VALUES, told
from countersign.knowledge.tables import service as tables
from countersign.web.i18n import say
from tests.conftest import Tenants
from tests.knowledge.conftest import work_off
from tests.web.conftest import CSRF, Sample, Visit

AT = "/records/imports"
PRICES = "réf;libellé;unité;prix\nI-1;Vis;u;1,5\nI-2;Plaque;100 m2;250,00\nI-3;Rail;m;abc\n"


async def sent(client: httpx.AsyncClient, text: str = PRICES, name: str = "prix.csv") -> httpx.Response:
    return await client.post(AT, data={"csrf": CSRF}, files={"file": (name, text.encode())})


def fields(text: str) -> dict[str, str]:
    """What the form of the columns would send as it stands."""
    base = re.search(r'name="base" value="([^"]*)"', text)
    assert base
    table = re.search(r'name="table" value="([^"]*)"', text)
    told = {"csrf": CSRF, "base": base[1].replace("&#34;", '"'), "table": table[1] if table else ""}
    text = text[base.start() :]
    for name, options in re.findall(r'<select id="[^"]+" name="([^"]+)">(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected>', options)
        told[name] = chosen[1] if chosen else ""
    return told


def counts(text: str) -> dict[str, str]:
    return dict(re.findall(r'data-count="(\w+)">([^<]*)<', text))


async def test_from_the_file_to_the_undoing(sample: Sample, visit: Visit, house: App) -> None:
    async with visit(replace(sample.caller, locale="fr")) as client:
        taken = await sent(client)
        assert taken.status_code == 303
        at = taken.headers["location"]
        text = (await client.get(at)).text
        told = fields(text)
        assert [told[f"to-{n}"] for n in range(4)] == ["code", "name", "unit", "unit_price"]
        assert told["decimal"] == "," and "Vis · Plaque · Rail" in text and "point-virgule" in text
        assert (
            ">m²<" in text and ">2,50\u00a0€<" in text and "« abc » n’est pas un nombre" in text.replace("\u00a0", " ")
        )

        tried = await client.post(at, data={**told, "action": "try"})
        assert tried.status_code == 303
        going = (await client.get(tried.headers["location"])).text
        assert 'hx-trigger="every 1s"' in going and "<progress" in going
        await work_off(house)
        dry = (await client.get(tried.headers["location"])).text
        assert counts(dry) == {"total": "3", "inserted": "2", "updated": "0", "unchanged": "0", "failed": "1"}
        assert (
            "essai à blanc" in dry
            and "Prix unitaire" in dry
            and "/errors.csv" in dry
            and "Annuler cet import" not in dry
        )

        run = await client.post(tried.headers["location"] + "/run", data={"csrf": CSRF})
        await work_off(house)
        done = run.headers["location"]
        assert counts((await client.get(done)).text)["inserted"] == "2"
        assert (await client.post(f"{done}/cancel", data={"csrf": CSRF})).status_code == 409
        assert "2" in (await client.get(AT)).text
        assert (await client.post(f"{done}/undo", data={"csrf": CSRF})).status_code == 303
        assert "L’import est en cours d’annulation" in (await client.get(done)).text
        await work_off(house)
        assert 'data-status="undone"' in (await client.get(done)).text
        again = await client.post(f"{done}/undo", data={"csrf": CSRF})
        assert again.status_code == 409 and "ne peut pas être annulé" in again.text


async def test_a_mapping_is_chosen_kept_and_used(sample: Sample, visit: Visit, house: App) -> None:
    async with visit(replace(sample.caller, locale="fr")) as client:
        at = (await sent(client, "a;b;c\nK-1;Vis;u\n")).headers["location"]
        page = await client.get(at)
        assert page.status_code == 200 and "Choisissez la colonne du code" in page.text
        told = {**fields(page.text), "to-0": "code", "to-1": "name", "to-2": "name", "action": "try"}
        twice = await client.post(at, data=told)
        assert twice.status_code == 422 and "deviennent la même chose" in twice.text
        told |= {"to-2": "unit", "action": "save", "name": ""}
        assert (await client.post(at, data=told)).status_code == 422
        kept = await client.post(at, data={**told, "name": "Fournisseur", "on_conflict": "skip"})
        assert kept.status_code == 200 and "Fournisseur" in kept.text
        other = (await sent(client, "a;b;c\nK-2;Clou;u\n")).headers["location"]
        proposed = fields((await client.get(other)).text)
        assert [proposed[f"to-{n}"] for n in range(3)] == ["code", "name", "unit"]
        assert proposed["on_conflict"] == "skip"
        assert (await client.get(other, params={"mapping": "Fournisseur"})).status_code == 200
        assert (await client.get(other, params={"mapping": "Autre"})).status_code == 404
        piece = await client.post(other, data={**proposed, "to-0": ""}, headers={"HX-Request": "true"})
        assert piece.status_code == 200 and "<html" not in piece.text and "Choisissez la colonne" in piece.text


async def test_a_file_is_read_anew_as_somebody_says_it_is_written(sample: Sample, visit: Visit, house: App) -> None:
    async with visit(replace(sample.caller, locale="fr")) as client:
        at = (await sent(client, "réf;libellé,court;unité\nI-1;Vis,x;u\n")).headers["location"]
        first = (await client.get(at)).text
        assert "reconnu : utf-8" in first.replace("&nbsp;", " ") and "reconnu : point-virgule" in first
        told = {"separator": ",", "encoding": "windows-1252"}
        again = (await client.get(at, params=told)).text
        assert "court;unitÃ©" in again and '<option value="," selected>' in again
        piece = (await client.get(at, params=told, headers={"HX-Request": "true"})).text
        assert "<html" not in piece and "court;unitÃ©" in piece and 'id="preview"' in piece
        form = {**fields(again), "to-0": "code", "to-1": "name", "action": "look", "table": "ouvrages"}
        text = (await client.post(at, data=form)).text
        assert "court;unitÃ©" in text, "the choice goes along with the form"
        wrong = await client.get(at, params={"encoding": "utf-16"})
        assert wrong.status_code == 200 and 'role="alert"' in wrong.text
        assert (await client.get(at, params={"encoding": "ebcdic"})).status_code == 422


async def test_rows_go_into_a_table_of_ones_own(sample: Sample, visit: Visit, house: App) -> None:
    schema = {
        "columns": [
            {"name": "ref", "type": "string(20)", "nullable": False, "unique": True},
            {"name": "stock", "type": "integer"},
            {"name": "active", "type": "boolean"},
        ]
    }
    async with house.db.transaction(sample.caller) as tx:
        await tables.create(tx, "depot", schema)
    async with visit(replace(sample.caller, locale="fr")) as client:
        at = (await sent(client, "Ref;Stock;Active;Autre\nA;12;oui;x\nB;douze;non;y\n")).headers["location"]
        assert "<option>depot</option>" in (await client.get(at)).text
        text = (await client.get(at, params={"table": "depot"})).text
        told = fields(text)
        assert [told[f"to-{n}"] for n in range(4)] == ["ref", "stock", "active", ""]
        begun = await client.post(at, data={**told, "action": "import"})
        assert begun.status_code == 303, begun.text
        await work_off(house)
        done = (await client.get(begun.headers["location"])).text
        assert counts(done) == {"total": "2", "inserted": "1", "updated": "0", "unchanged": "0", "failed": "1"}
        assert "Annuler cet import" in done and "table=depot" in done
    async with visit(replace(sample.caller, permissions=frozenset({"ouvrages.import"}))) as client:
        assert "<option>depot</option>" not in (await client.get(at)).text
        assert (await client.get(at, params={"table": "depot"})).status_code == 403
        assert (await client.post(at, data={**told, "action": "import"})).status_code == 403
        undo = f"{begun.headers['location']}/undo"
        assert (await client.post(undo, data={"csrf": CSRF})).status_code == 403
    async with visit(sample.caller) as client:
        assert (await client.post(undo, data={"csrf": CSRF})).status_code == 303
        await work_off(house)
        assert 'data-status="undone"' in (await client.get(begun.headers["location"])).text


async def test_what_the_form_does_not_show_stays_in_the_mapping(sample: Sample, visit: Visit) -> None:
    from countersign.kernel.json import dumps, loads

    plan: dict[str, Any] = {
        "columns": {
            "code": {"from": "a"},
            "description": {"from": "a"},
            "name": {"from": "b"},
            "unit": {"default": "u"},
            "unit_price": {"from": "c", "min": 1},
        }
    }
    async with visit(sample.caller) as client:
        at = (await sent(client, "a;b;c\nK-1;Vis;2.5\n")).headers["location"]
        told = {**fields((await client.get(at)).text), "base": dumps(plan), "to-0": "code", "to-1": "name"}
        text = (await client.post(at, data={**told, "to-2": "unit_price", "action": "look"})).text
        columns = loads(fields(text)["base"])["columns"]
    assert columns["description"]["from"] == "a" and columns["unit"]["default"] == "u"
    assert columns["unit_price"]["min"] == "1"


async def test_a_file_that_cannot_be_read_is_refused_with_the_reason(sample: Sample, visit: Visit) -> None:
    async with visit(replace(sample.caller, locale="fr")) as client:
        for text, name, reason in (
            ("PK\x03\x04…", "prix.csv", "ZIP"),
            ("x", "prix.exe", ".csv"),
            ("", "p.csv", "p.csv"),
        ):
            refused = await sent(client, text, name)
            assert refused.status_code == 422 and reason in refused.text, name
            assert "Ce fichier ne peut pas être importé" in refused.text
        script = await client.post(
            AT, files={"file": ("prix.exe", b"x")}, headers={"Accept": "application/json", "X-CSRF-Token": CSRF}
        )
        assert script.status_code == 422 and ".csv" in script.json()["detail"]
        assert "prix.exe" not in (await client.get(AT)).text


async def test_an_import_that_goes_on_is_cancelled(sample: Sample, visit: Visit, house: App) -> None:
    async with visit(sample.caller) as client:
        at = (await sent(client)).headers["location"]
        begun = await client.post(at, data={**fields((await client.get(at)).text), "action": "import"})
        assert (await client.post(begun.headers["location"] + "/cancel", data={"csrf": CSRF})).status_code == 303
        await work_off(house)
        text = (await client.get(begun.headers["location"])).text
    assert 'data-status="cancelled"' in text and "data-count" not in text


async def test_imports_are_of_their_organisation_and_need_the_permission(
    house: App, tenants: Tenants, visit: Visit, caller: Callable[..., Caller]
) -> None:
    mine, other = tenants
    file = await files.keep(house, mine.caller, "secret.csv", io.BytesIO(PRICES.encode()))
    async with visit(mine.caller) as client:
        at = f"{AT}/files/{file.uuid}"
        begun = (await client.post(at, data={**fields((await client.get(at)).text), "action": "try"})).headers[
            "location"
        ]
    async with visit(other.caller) as client:
        for path in (at, begun):
            assert (await client.get(path)).status_code == 404
        for path in (at, f"{begun}/run", f"{begun}/cancel", f"{begun}/undo"):
            assert (await client.post(path, data={"csrf": CSRF})).status_code == 404, path
        assert "secret.csv" not in (await client.get(AT)).text
    async with visit(caller("ouvrages.view")) as client:
        assert (await client.get(AT)).status_code == 403
        assert AT not in (await client.get("/records/ouvrages")).text


@pytest.mark.parametrize(
    ("text", "french"),
    [
        ("unit_price: « a » is not a number", "Prix unitaire – «\u00a0a\u00a0» n’est pas un nombre"),
        ("name: is missing", "Désignation – rien n’y figure"),
        ("code A: B stands in row 3 already", "le code A: B figure déjà à la ligne 3"),
        ("row 7: 3 cells, 2 expected", "ligne 7\u00a0: 3 cellules au lieu de 2"),
        ("type: « x » is none of a, b", "Type – «\u00a0x\u00a0» n’est aucun de a, b"),
        ("stock: is a whole number", "stock – doit être un nombre entier"),
        ("ref, lot: the same stands in row 2 already", "ref, lot – la même valeur figure déjà à la ligne 2"),
        ("something else entirely", "something else entirely"),
    ],
)
def test_a_reason_is_said_in_the_language_of_the_reader(text: str, french: str) -> None:
    assert told(text, partial(say, "fr")) == french
    assert (
        told(text, partial(say, "en")).rsplit(" – ", 1)[-1] == text.rsplit(": ", 1)[-1]
        or told(text, partial(say, "en")) == text
    )


@pytest.mark.parametrize("template", [*TEXTS, *VALUES])
def test_every_reason_has_its_french(template: str) -> None:
    names = re.findall(r"%\((\w+)\)s", template)
    text = template % {name: f"{place}9" for place, name in enumerate(names)}
    said = told(text if template in TEXTS else f"unit: {text}", partial(say, "fr"))
    assert said != text and all(f"{place}9" in said for place in range(len(names)))
