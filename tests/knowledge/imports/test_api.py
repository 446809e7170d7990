"""Imports over HTTP: a file goes up, a dry run tells, a run does it, refused rows come back and go up again corrected."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from tests.knowledge.conftest import Site, work_off

Make = Callable[..., Awaitable[Site]]
PRICES = "code;nom;unité;prix\nA;Vis;u;1,5\nB;Plaque;100 m2;250,00\nC;=cmd|x;m2;abc\n"
PATH = "/api/v1/imports"


async def test_from_the_dry_run_to_the_corrected_rows(site: Make) -> None:
    made_site = await site(demonstration=False)
    admin = await made_site.client("admin")
    told = await admin.post(f"{PATH}/dry-run", files={"file": ("prix.csv", PRICES.encode())})
    assert told.status_code == 202, told.text
    dry = f"{PATH}/{told.json()['id']}"
    await work_off(made_site.app)
    found = (await admin.get(dry)).json()
    assert (found["status"], found["dry_run"], found["inserted_rows"], found["failed_rows"]) == (
        "completed",
        True,
        2,
        1,
    )
    assert found["reasons"][0]["reason"] == "unit_price: « … » is not a number"
    run = (await admin.post(f"{dry}/run")).json()
    await work_off(made_site.app)
    done = (await admin.get(f"{PATH}/{run['id']}")).json()
    assert (done["status"], done["inserted_rows"]) == ("completed", 2)

    refused = await admin.get(f"{PATH}/{run['id']}/errors.csv")
    assert "3;Prix unitaire – «\u00a0abc\u00a0» n’est pas un nombre;C;'=cmd|x;m2;abc" in refused.text
    corrected = refused.text.replace(";abc", ";3,20").encode()
    again = (await admin.post(PATH, files={"file": ("corrected.csv", corrected)})).json()
    await work_off(made_site.app)
    assert (await admin.get(f"{PATH}/{again['id']}")).json()["inserted_rows"] == 1
    undo = await admin.post(f"{PATH}/{run['id']}/undo")
    assert undo.status_code == 202 and undo.json()["phase"] == "undoing"
    await work_off(made_site.app)
    assert (await admin.get(f"{PATH}/{run['id']}")).json()["status"] == "undone"
    assert (await admin.post(f"{PATH}/{run['id']}/undo")).status_code == 409
    assert (await admin.post(f"{PATH}/{run['id']}/cancel")).status_code == 409


async def test_the_same_request_twice_is_one_import(site: Make) -> None:
    made_site = await site(demonstration=False)
    admin = await made_site.client("admin")
    sent = {"files": {"file": ("prix.csv", PRICES.encode())}, "headers": {"Idempotency-Key": "once"}}
    first, second = (await admin.post(PATH, **sent)).json(), (await admin.post(PATH, **sent)).json()
    assert first["id"] == second["id"]
    other = {**sent, "files": {"file": ("prix.csv", b"code;nom;u\nZ;Z;u\n")}}
    assert (await admin.post(PATH, **other)).status_code == 422


async def test_what_cannot_be_read_is_said_at_once(site: Make) -> None:
    made_site = await site(demonstration=False)
    admin = await made_site.client("admin")
    assert (await admin.post(PATH, files={"other": ("a.csv", b"x")})).status_code == 422
    zipped = await admin.post(PATH, files={"file": ("prix.csv", b"PK\x03\x04....")})
    assert (zipped.status_code, "ZIP" in zipped.json()["detail"]) == (422, True)
    bad = await admin.post(
        PATH, files={"file": ("prix.csv", PRICES.encode())}, data={"mapping": '{"columns": {"x": {}}}'}
    )
    assert bad.status_code == 422
    assert (await admin.get(PATH)).json()["items"] == []


async def test_a_mapping_is_kept_by_name(site: Make) -> None:
    made_site = await site(demonstration=False)
    admin = await made_site.client("admin")
    mapping = {"columns": {"code": {"from": "nom"}, "name": {"from": "code"}, "unit": {"from": "unité"}}}
    saved = await admin.put(f"{PATH}/mappings/Fournisseur", json={"mapping": mapping, "names": ["x"]})
    assert saved.status_code == 200, saved.text
    sent = await admin.post(PATH, files={"file": ("prix.csv", PRICES.encode())}, data={"mapping_name": "Fournisseur"})
    assert json.loads(sent.text)["mapping"]["columns"]["code"] == {"from": "nom"}
    assert (await admin.delete(f"{PATH}/mappings/Fournisseur")).status_code == 204
    assert (await admin.get(f"{PATH}/mappings")).json()["items"] == []


async def test_others_may_not_and_see_nothing(site: Make) -> None:
    made_site = await site(demonstration=False)
    admin, user = await made_site.client("admin"), await made_site.client("user")
    made = (await admin.post(PATH, files={"file": ("prix.csv", PRICES.encode())})).json()
    assert (await user.get(PATH)).status_code == 403
    assert (await user.post(PATH, files={"file": ("prix.csv", PRICES.encode())})).status_code == 403
    assert (await admin.post(f"{PATH}/{made['id']}/cancel")).status_code == 204
    assert (await admin.get(f"{PATH}/{made['id']}")).json()["status"] == "cancelled"


async def test_how_a_file_is_written_and_where_it_goes_can_be_said(site: Make) -> None:
    made_site = await site(demonstration=False)
    admin = await made_site.client("admin")
    columns = [{"name": "ref", "type": "string(20)", "unique": True}, {"name": "prix", "type": "decimal(10,2)"}]
    made = await admin.post("/api/v1/dynamic-tables", json={"name": "depot", "schema_definition": {"columns": columns}})
    assert made.status_code == 201, made.text
    file = {"file": ("a.csv", "Réf|Prix\nÉ,1|1.234\n".encode("cp1252"))}
    said = {"table": "depot", "encoding": "windows-1252", "separator": "|", "decimal": ","}
    begun = await admin.post(PATH, files=file, data=said)
    assert begun.status_code == 202, begun.text
    await work_off(made_site.app)
    done = (await admin.get(f"{PATH}/{begun.json()['id']}")).json()
    assert (done["status"], done["inserted_rows"], done["target_table"]) == ("completed", 1, "depot")
    assert done["mapping"]["read"] == {"encoding": "windows-1252", "separator": "|"}
    rows = (await admin.get("/api/v1/dynamic-tables/depot/rows")).json()["items"]
    assert [(row["ref"], str(row["prix"])) for row in rows] == [("É,1", "1234.00")]
    for wrong in ({"encoding": "ebcdic"}, {"separator": "x"}, {"decimal": "'"}, {"table": "nowhere"}):
        assert (await admin.post(PATH, files=file, data=wrong)).status_code in (404, 422), wrong
