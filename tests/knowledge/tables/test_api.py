"""Tables of users over HTTP: whole circle by API and by pages, another organisation sees nothing, exports are harmless."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from countersign.kernel.app import App
from tests.conftest import Tenants
from tests.knowledge.conftest import Visit

DEFINITION: dict[str, Any] = {
    "columns": [
        {"name": "code", "type": "string(30)", "nullable": False, "unique": True},
        {"name": "name", "type": "string"},
        {"name": "price", "type": "decimal(10,2)"},
        {"name": "active", "type": "boolean"},
        {"name": "since", "type": "date"},
        {"name": "specs", "type": "json"},
    ]
}


async def make(client: httpx.AsyncClient, name: str = "products") -> None:
    body = {"name": name, "schema_definition": DEFINITION, "embedding_template": "{{name}} {{code}}"}
    made = await client.post("/api/v1/dynamic-tables", json=body)
    assert made.status_code == 201, made.text


async def test_a_table_and_its_rows_by_the_api(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        await make(client)
        at = "/api/v1/dynamic-tables/products"
        made = await client.post(
            f"{at}/rows", json={"code": "A", "name": "Vis", "price": "12.50", "specs": {"a": [1.5]}}
        )
        assert made.status_code == 201
        row = made.json()
        assert (row["price"], row["specs"]) == ("12.50", {"a": [1.5]})
        one = f"{at}/rows/{row['id']}"
        changed = await client.patch(one, json={"price": 13}, headers={"If-Match": made.headers["etag"]})
        assert changed.json()["price"] == "13.00"
        late = await client.patch(one, json={"price": 14}, headers={"If-Match": made.headers["etag"]})
        assert late.status_code == 412
        await client.post(f"{at}/rows", json={"code": "B", "price": 1})
        listed = (await client.get(f"{at}/rows?filter=price:ge:1&sort=-price&limit=1")).json()
        assert ([r["code"] for r in listed["items"]], listed["total"]) == (["A"], 2)
        second = (await client.get(f"{at}/rows?sort=-price&limit=1&after={listed['next']}")).json()
        assert [r["code"] for r in second["items"]] == ["B"]
        assert (await client.get(f"{at}/rows?sort=code&limit=1&after=x")).status_code == 422
        assert (await client.post(f"{at}/rows", json={"code": "A"})).status_code == 409
        assert (await client.post(f"{at}/columns", json={"name": "stock", "type": "integer"})).status_code == 201
        assert (await client.patch(f"{at}/columns/stock", json={"name": "level"})).status_code == 200
        assert (await client.delete(f"{at}/columns/level")).status_code == 422
        assert (await client.delete(f"{at}/columns/level?confirm=level")).status_code == 200
        shown = await client.post(f"{at}/preview", json={"embedding_template": "{{code}}: {{price}}"})
        assert shown.json() == {"content": "A: 13.00"}
        assert (await client.patch(at, json={"embedding_template": "{{zzz}}"})).status_code == 422
        assert (await client.delete(one)).status_code == 204
        assert (await client.get(one)).status_code == 404
        read = (await client.get(at)).json()
        assert (read["row_count"], [c["name"] for c in read["schema_definition"]["columns"]][-1]) == (1, "specs")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("filter=price", 422),
        ("filter=nothing:eq:1", 422),
        ("filter=price:eq:abc", 422),
        ("filter=price:);DROP TABLE users;--:1", 422),
        ("filter=tenant_id:eq:1", 422),
        ("filter=deleted_at:filled", 422),
        ("sort=tenant_id", 422),
        ("sort=code; DROP TABLE users", 422),
        ("filter=code:eq:' OR true --", 200),
        ("q=%25", 200),
    ],
)
async def test_filters_and_sorts_are_names_and_values_never_sql(
    visit: Visit, tenants: Tenants, query: str, status: int
) -> None:
    async with visit(tenants.a.caller) as client:
        await make(client)
        await client.post("/api/v1/dynamic-tables/products/rows", json={"code": "A"})
        answered = await client.get(f"/api/v1/dynamic-tables/products/rows?{query}")
        assert answered.status_code == status, answered.text
        assert answered.json().get("items", []) == []


async def test_strange_names_and_values_are_refused_in_words(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        await make(client)
        for raw in (b'{"\\ud800": 1}', b'{"code": "\\ud800"}', b'{"code": "a\\u0000"}', b'{"code": "A", "price": NaN}'):
            refused = await client.post(
                "/api/v1/dynamic-tables/products/rows", content=raw, headers={"content-type": "application/json"}
            )
            assert refused.status_code in (400, 422), refused.text


async def test_another_organisation_finds_nothing_by_any_address(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        await make(client)
        number = (await client.post("/api/v1/dynamic-tables/products/rows", json={"code": "SECRET"})).json()["id"]
    async with visit(tenants.b.caller) as client:
        assert (await client.get("/api/v1/dynamic-tables")).json() == {"items": []}
        for base in ("/api/v1/dynamic-tables/products", "/records/tables/products"):
            for path in ("", "/rows.csv", f"/rows/{number}"):
                assert (await client.get(base + path)).status_code == 404
        await make(client)
        assert (await client.get("/api/v1/dynamic-tables/products/rows")).json()["items"] == []
        changed = await client.post("/api/v1/dynamic-tables/products/rows", json={"code": "OWN"})
        assert changed.status_code == 201
    async with visit(tenants.a.caller) as client:
        items = (await client.get("/api/v1/dynamic-tables/products/rows")).json()["items"]
        assert [row["code"] for row in items] == ["SECRET"]


async def test_an_export_is_harmless_in_a_spreadsheet(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        await make(client)
        for code in ("=cmd|' /C calc'!A0", "+1", "@SUM(A1)", "-2", "plain"):
            await client.post("/api/v1/dynamic-tables/products/rows", json={"code": code, "price": "-1234.50"})
        for address in ("/api/v1/dynamic-tables/products/rows.csv", "/records/tables/products/rows.csv"):
            text = (await client.get(address)).text
            lines = text.removeprefix("\ufeff").splitlines()
            assert lines[0] == "id;code;name;price;active;since;specs"
            assert len(lines) == 6
            assert all(re.match(r"\d+;\"?('[=+@-]|plain)", line) for line in lines[1:])
            assert lines[5].split(";")[3] == "-1234,50"


async def test_the_whole_circle_on_the_screen_without_script(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        assert "Aucune table" in (await client.get("/records/tables")).text
        assert (await client.get("/records/tables/new")).status_code == 200
        columns = {
            "c0-name": "code", "c0-type": "string", "c0-size": "20", "c0-required": "on", "c0-unique": "on",
            "c1-name": "price", "c1-type": "decimal", "c1-size": "10,2",
            "c2-name": "", "c2-type": "string",
        }  # fmt: skip
        more = await client.post("/records/tables/new", data={"name": "sites", **columns, "action": "more"})
        assert more.text.count('-name"') == 7 and 'value="sites"' in more.text
        refused = await client.post("/records/tables/new", data={"name": "select", **columns})
        assert refused.status_code == 422 and "select" in refused.text
        made = await client.post(
            "/records/tables/new", data={"name": "sites", "text": "{{code}}", **columns, "action": "create"}
        )
        assert made.headers["location"] == "/records/tables/sites"
        bad = await client.post("/records/tables/sites/rows/new", data={"v-code": "", "v-price": "abc"})
        assert bad.status_code == 422 and 'aria-invalid="true"' in bad.text and "abc" in bad.text
        added = await client.post("/records/tables/sites/rows/new", data={"v-code": "<b>", "v-price": "1 234,5"})
        assert added.status_code == 303
        grid = (await client.get("/records/tables/sites?q=b&column=price&op=ge&value=2&sort=-price")).text
        assert "&lt;b&gt;" in grid and "<b>" not in grid and "1\u202f234,5" in grid
        number = re.search(r"/rows/(\d+)", grid)
        assert number is not None
        one = f"/records/tables/sites/rows/{number[1]}"
        form = (await client.get(one)).text
        tag = re.search(r'name="etag" value="([^"]+)"', form)
        assert tag is not None
        etag = tag[1].replace("&#34;", '"')
        saved = await client.post(one, data={"v-code": "X", "v-price": "", "etag": etag, "action": "save"})
        assert saved.status_code == 303
        stale = await client.post(one, data={"v-code": "Y", "v-price": "", "etag": etag, "action": "save"})
        assert stale.status_code == 412
        for path in ("", "/schema", "/template", "/rows/new"):
            assert (await client.get(f"/records/tables/sites{path}")).status_code == 200
        schema = "/records/tables/sites/schema"
        add = {"action": "add", "c0-name": "town", "c0-type": "string", "c0-size": ""}
        assert (await client.post(schema, data=add)).status_code == 303
        assert (await client.post(schema, data={"action": "rename", "column": "town", "to": "city"})).status_code == 303
        assert (
            await client.post(schema, data={"action": "drop", "column": "city", "confirm": "no"})
        ).status_code == 422
        assert (
            await client.post(schema, data={"action": "drop", "column": "city", "confirm": "city"})
        ).status_code == 303
        template = "/records/tables/sites/template"
        shown = await client.post(template, data={"text": "Site {{code}}", "action": "preview"})
        assert "Site X" in shown.text
        assert (await client.post(template, data={"text": "{{no}}", "action": "save"})).status_code == 422
        assert "Site X" in (await client.post(template, data={"text": "Site {{code}}", "action": "save"})).text
        assert (await client.post(one, data={"action": "delete"})).status_code == 303
        assert (await client.get(one)).status_code == 404


async def test_what_is_wrong_with_a_value_is_said_in_the_readers_language(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        await make(client)
        at = "/records/tables/products/rows/new"
        wrong = {"v-code": "x" * 31, "v-price": "abc", "v-since": "31/02/2026", "v-specs": "{"}
        french = (await client.post(at, data=wrong)).text
        for said in ("code a 31 caractères, 30 au plus", "price doit être un nombre", "since doit être une date"):
            assert said in french
        assert "specs doit être du JSON" in french
        assert "Des valeurs ne conviennent pas" in french
        await client.post("/api/v1/dynamic-tables/products/rows", json={"code": "A"})
        doubled = await client.post(at, data={"v-code": "A"})
        assert doubled.status_code == 409
        assert "code a la même valeur que dans une autre ligne" in doubled.text
        api = await client.post("/api/v1/dynamic-tables/products/rows", json={"code": "x" * 31, "no": 1})
        assert api.json()["errors"] == [
            {"field": "no", "error": "is no column of this table"},
            {"field": "code", "error": "has 31 characters, 30 at most"},
        ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "select"}, "Le nom « select » est réservé"),
        ({"name": "Été"}, "Le nom « Été » n’est pas possible"),
        ({"name": "products"}, "Il y a déjà une table « products »"),
        ({"c0-name": "A b"}, "Le nom « A b » n’est pas possible"),
        ({"c0-type": "decimal", "c0-size": "x"}, "price : le type est"),
        ({"c0-type": "decimal", "c0-size": "200"}, "price : « precision » est un nombre entier de 1 à 100"),
        ({"c0-type": "date", "c0-default": "hier"}, "price : la valeur par défaut doit être une date"),
        ({"c1-name": "price", "c1-type": "text"}, "Il y a deux colonnes « price »"),
        ({"c0-references": "nowhere"}, "price : il n’y a pas de table « nowhere »"),
        ({"text": "{{prix}}"}, "Le modèle de texte cite « prix »"),
        ({"c0-name": ""}, "Une table a de 1 à 200 colonnes"),
    ],
)
async def test_what_is_wrong_with_a_definition_is_said_in_the_readers_language(
    visit: Visit, tenants: Tenants, given: dict[str, str], said: str
) -> None:
    form = {"name": "sites", "c0-name": "price", "c0-type": "text", "action": "create"}
    async with visit(tenants.a.caller) as client:
        await make(client)
        drawn = await client.post("/records/tables/new", data={**form, **given})
        assert drawn.status_code in (409, 422), drawn.text
        assert said in drawn.text.replace("\u00a0", " ")


async def test_what_is_wrong_with_a_change_is_said_in_the_readers_language(visit: Visit, tenants: Tenants) -> None:
    at = "/records/tables/products/schema"
    async with visit(tenants.a.caller) as client:
        await make(client)
        await client.post("/api/v1/dynamic-tables/products/rows", json={"code": "A"})
        for given, said in (
            ({"action": "add", "c0-name": "more", "c0-type": "text", "c0-required": "on"}, "a besoin d’une valeur"),
            ({"action": "rename", "column": "none", "to": "more"}, "Il n’y a pas de colonne « none »"),
            ({"action": "rename", "column": "price", "to": "code"}, "Il y a déjà une colonne « code »"),
            ({"action": "drop", "column": "code", "confirm": "code"}, "Le modèle de texte cite « code »"),
        ):
            drawn = (await client.post(at, data=given)).text.replace("\u00a0", " ")
            assert said in drawn
        grid = await client.get("/records/tables/products?column=price&op=ge&value=x")
        assert "La valeur de « price » doit être un nombre" in grid.text.replace("\u00a0", " ")


async def test_a_table_is_deleted_by_the_api_and_on_the_screen(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        for name in ("one", "two"):
            await make(client, name)
        assert (await client.delete("/api/v1/dynamic-tables/one?confirm=on")).status_code == 422
        assert (await client.delete("/api/v1/dynamic-tables/one?confirm=one")).status_code == 204
        assert (await client.get("/api/v1/dynamic-tables/one")).status_code == 404
        unsure = await client.post("/records/tables/two/delete", data={"confirm": "x"})
        assert unsure.status_code == 422
        assert "Confirmez par le nom de la table" in unsure.text
        gone = await client.post("/records/tables/two/delete", data={"confirm": "two"})
        assert (gone.status_code, gone.headers["location"]) == (303, "/records/tables")
        assert "Aucune table" in (await client.get("/records/tables")).text


async def test_a_creation_that_is_sent_twice_happens_once(house: App, tenants: Tenants, visit: Visit) -> None:
    body = {"name": "products", "schema_definition": DEFINITION}
    column = {"name": "stock", "type": "integer"}
    async with visit(tenants.a.caller) as client:
        for path, given in (
            ("/api/v1/dynamic-tables", body),
            ("/api/v1/dynamic-tables/products/columns", column),
            ("/api/v1/dynamic-tables/products/rows", {"code": "A"}),
        ):
            first = await client.post(path, json=given, headers={"Idempotency-Key": path})
            again = await client.post(path, json=given, headers={"Idempotency-Key": path})
            assert (first.status_code, again.status_code) == (201, 201), (first.text, again.text)
            assert again.json() == first.json()
            refused = await client.post(path, json={**given, "name": "other"}, headers={"Idempotency-Key": path})
            assert refused.json()["code"] == "key-reused"
        assert (await client.get("/api/v1/dynamic-tables/products/rows")).json()["total"] == 1
    async with visit(tenants.b.caller) as client:
        key = {"Idempotency-Key": "/api/v1/dynamic-tables"}
        other = await client.post("/api/v1/dynamic-tables", json=body, headers=key)
        assert other.status_code == 201, "a key is its sender's own"


async def test_of_two_people_who_change_a_table_the_later_one_is_told(tenants: Tenants, visit: Visit) -> None:
    at = "/api/v1/dynamic-tables/products"
    async with visit(tenants.a.caller) as client:
        await make(client)
        seen = {"If-Match": (await client.get(at)).headers["etag"]}
        added = await client.post(f"{at}/columns", json={"name": "stock", "type": "integer"}, headers=seen)
        assert added.status_code == 201, added.text
        for late in (
            client.patch(at, json={"description": "x"}, headers=seen),
            client.post(f"{at}/columns", json={"name": "more", "type": "text"}, headers=seen),
            client.patch(f"{at}/columns/stock", json={"name": "left"}, headers=seen),
            client.delete(f"{at}/columns/stock?confirm=stock", headers=seen),
        ):
            assert (await late).status_code == 412
        fresh = {"If-Match": added.headers["etag"]}
        assert (await client.patch(at, json={"description": "x"}, headers=fresh)).status_code == 200
