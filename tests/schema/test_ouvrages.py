"""The tree keeps its paths, nothing contains itself, and costs are exact to the last digit."""

from __future__ import annotations

import asyncio
import decimal
import random
from decimal import Decimal

import psycopg
import pytest

from tests.cluster import Cluster
from tests.schema.conftest import Desk, People


@pytest.fixture
async def shop(app: Desk) -> Desk:
    """The application in the default tenant."""
    return await app.be(1)


async def add(
    desk: Desk, code: str, price: str | None = None, unit: str = "U", kind: str = "simple", parent: int | None = None
) -> int:
    return await desk.value(
        "INSERT INTO ouvrages (code, name, type, unit, unit_price, parent_id) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
        code, f"Nom {code}", kind, unit, price, parent,
    )  # fmt: skip


async def put(desk: Desk, parent: int, component: int, quantity: str, unit: str | None = None, order: int = 0) -> None:
    await desk.run(
        "INSERT INTO ouvrage_components (parent_id, component_id, quantity, unit, sort_order) VALUES (%s, %s, %s, %s, %s)",
        parent, component, quantity, unit, order,
    )  # fmt: skip


async def test_paths_follow_moves_of_whole_branches(shop: Desk) -> None:
    a, b = await add(shop, "A"), await add(shop, "B")
    a1 = await add(shop, "A1", parent=a)
    a11 = await add(shop, "A11", parent=a1)
    paths = "SELECT code, path::text, depth FROM ouvrages ORDER BY code"
    assert await shop.rows(paths) == [
        ("A", f"{a}", 0),
        ("A1", f"{a}.{a1}", 1),
        ("A11", f"{a}.{a1}.{a11}", 2),
        ("B", f"{b}", 0),
    ]
    await shop.run("UPDATE ouvrages SET parent_id = %s WHERE id = %s", b, a)
    assert await shop.rows(paths) == [
        ("A", f"{b}.{a}", 1),
        ("A1", f"{b}.{a}.{a1}", 2),
        ("A11", f"{b}.{a}.{a1}.{a11}", 3),
        ("B", f"{b}", 0),
    ]
    await shop.run("UPDATE ouvrages SET parent_id = NULL WHERE id = %s", a1)
    assert await shop.rows("SELECT path::text, depth FROM ouvrages WHERE id = %s", a11) == [(f"{a1}.{a11}", 1)]
    await shop.run("UPDATE ouvrages SET path = '1.2.3', depth = 9, name = 'x' WHERE id = %s", a11)
    assert await shop.rows("SELECT path::text, depth, name FROM ouvrages WHERE id = %s", a11) == [
        (f"{a1}.{a11}", 1, "x")
    ]
    assert {
        r[0]
        for r in await shop.rows("SELECT code FROM ouvrages WHERE path <@ (SELECT path FROM ouvrages WHERE id = %s)", b)
    } == {"A", "B"}
    # Many at once, whatever their order: everything under B, in one statement.
    await shop.run(
        "UPDATE ouvrages SET parent_id = CASE code WHEN 'A1' THEN %s WHEN 'A11' THEN %s ELSE parent_id END", a, b
    )
    assert await shop.rows(paths) == [
        ("A", f"{b}.{a}", 1),
        ("A1", f"{b}.{a}.{a1}", 2),
        ("A11", f"{b}.{a11}", 1),
        ("B", f"{b}", 0),
    ]


async def test_nothing_stands_below_itself(shop: Desk, second: Desk) -> None:
    a = await add(shop, "A")
    b = await add(shop, "B", parent=a)
    c = await add(shop, "C", parent=b)
    place = "UPDATE ouvrages SET parent_id = %s WHERE id = %s"
    for above, what in ((a, a), (b, a), (c, a), (c, b)):
        assert await shop.refused(place, above, what) == "ouvrage-cycle"
    assert (
        await shop.refused(
            "INSERT INTO ouvrages (code, name, type, unit, parent_id) VALUES ('X', 'x', 'simple', 'U', 999)"
        )
        == "ouvrage-parent-missing"
    )
    x, y = await add(shop, "X"), await add(shop, "Y")
    await second.be(1)
    async with shop.connection.transaction():
        await shop.run(place, y, x)
        other = asyncio.create_task(second.refused(place, x, y))
        await asyncio.sleep(0.3)
        assert not other.done()
    assert await other == "ouvrage-cycle"


async def test_nothing_contains_itself_at_any_depth(shop: Desk, second: Desk) -> None:
    chain = [await add(shop, f"N{n}", "1") for n in range(40)]
    for above, below in zip(chain, chain[1:], strict=False):
        await put(shop, above, below, "1")
    ring = "INSERT INTO ouvrage_components (parent_id, component_id) VALUES (%s, %s)"
    for what, component in ((chain[0], chain[0]), (chain[39], chain[0]), (chain[20], chain[5])):
        assert await shop.refused(ring, what, component) == "component-cycle"
    assert (
        await shop.refused("UPDATE ouvrage_components SET component_id = %s WHERE parent_id = %s", chain[0], chain[38])
        == "component-cycle"
    )
    x, y = await add(shop, "X"), await add(shop, "Y")
    assert (
        await shop.refused(
            "INSERT INTO ouvrage_components (parent_id, component_id) VALUES (%s, %s), (%s, %s)", x, y, y, x
        )
        == "component-cycle"
    )
    await second.be(1)
    async with shop.connection.transaction():
        await shop.run(ring, x, y)
        other = asyncio.create_task(second.refused(ring, y, x))
        await asyncio.sleep(0.3)
        assert not other.done()
    assert await other == "component-cycle"
    assert await shop.value("SELECT ouvrage_cost(%s)", chain[0]) == 1


async def test_costs_are_exact_and_split(shop: Desk) -> None:
    wall = await add(shop, "CLO-PLA-001", None, "m²", "compose")
    rail = await add(shop, "RAIL", "1.2345", "ml", "fourniture")
    board = await add(shop, "BA13", "318.7500", "100 m2", "fourniture")
    frame = await add(shop, "OSS", None, "m²", "compose")
    hour = await add(shop, "MO", "45.5", "h", "main_oeuvre")
    await put(shop, frame, rail, "2.3333", "ml", 1)
    await put(shop, frame, hour, "0.0833", None, 2)
    await put(shop, wall, board, "2.1", "m2", 1)
    await put(shop, wall, frame, "1.05", None, 2)
    await put(shop, wall, hour, "0.35", "heures", 3)
    of_frame = Decimal("2.3333") * Decimal("1.2345") + Decimal("0.0833") * Decimal("45.5")
    exact = Decimal("2.1") * Decimal("3.1875") + Decimal("1.05") * of_frame + Decimal("0.35") * Decimal("45.5")
    assert await shop.value("SELECT ouvrage_cost(%s)", wall) == exact
    assert await shop.value("SELECT ouvrage_cost_reason(%s)", wall) is None
    lines = await shop.rows(
        "SELECT depth, code, kind, total_quantity, unit_price, total FROM ouvrage_breakdown(%s)", wall
    )
    assert [(depth, code, kind) for depth, code, kind, *_ in lines] == [
        (0, "CLO-PLA-001", "composed"), (1, "BA13", "supplies"), (1, "OSS", "composed"), (2, "RAIL", "supplies"),
        (2, "MO", "labour"), (1, "MO", "labour"),
    ]  # fmt: skip
    assert lines[0][4] == lines[0][5] == exact
    assert lines[2][5] == Decimal("1.05") * of_frame
    assert lines[3][3:] == (
        Decimal("1.05") * Decimal("2.3333"),
        Decimal("1.2345"),
        Decimal("1.05") * Decimal("2.3333") * Decimal("1.2345"),
    )
    assert sum(line[5] for line in lines if line[2] in ("supplies", "labour", "other")) == exact
    assert {r[0]: r[1] for r in await shop.rows("SELECT code, cost FROM ouvrage_costs(ARRAY(SELECT id FROM ouvrages)) JOIN ouvrages ON id = ouvrage_id")} == {
        "CLO-PLA-001": exact, "OSS": of_frame, "RAIL": Decimal("1.2345"), "BA13": Decimal("318.75"), "MO": Decimal("45.5")
    }  # fmt: skip


async def test_random_compositions_agree_with_decimal_arithmetic(shop: Desk) -> None:
    chance = random.Random(7)
    prices: list[Decimal] = []
    ids: list[int] = []
    for n in range(60):
        if n < 20:
            price = Decimal(chance.randrange(1, 10**8)) / 10**4
            ids.append(await add(shop, f"R{n}", str(price)))
            prices.append(price)
            continue
        ids.append(await add(shop, f"R{n}", None, kind="compose"))
        total = Decimal(0)
        for at in chance.sample(range(n), 3):
            quantity = Decimal(chance.randrange(1, 10**6)) / 10**4
            await put(shop, ids[n], ids[at], str(quantity))
            total += quantity * prices[at]
        prices.append(total)
    found = dict(await shop.rows("SELECT ouvrage_id, cost FROM ouvrage_costs(%s)", ids))
    with decimal.localcontext(prec=200):
        assert all(found[i] == p for i, p in zip(ids[:32], prices[:32], strict=True))


async def test_a_missing_price_is_never_zero(shop: Desk) -> None:
    top = await add(shop, "TOP", None, kind="compose")
    part = await add(shop, "PART", None, kind="fourniture")
    await put(shop, top, part, "2")
    cost = "SELECT ouvrage_cost(%s), ouvrage_cost_reason(%s)"
    assert await shop.row(cost, top, top) == (None, "missing-price: PART")
    await shop.run("UPDATE ouvrages SET unit_price = 3, unit = 'kg' WHERE id = %s", part)
    assert await shop.row(cost, top, top) == (Decimal(6), None)
    await shop.run("UPDATE ouvrage_components SET unit = 'h'")
    assert await shop.row(cost, top, top) == (None, "unit-mismatch: PART")
    await shop.run("UPDATE ouvrage_components SET unit = 't'")
    assert await shop.row(cost, top, top) == (Decimal(6000), None)
    await shop.run("UPDATE ouvrages SET currency = 'USD' WHERE id = %s", part)
    assert await shop.row(cost, top, top) == (None, "currency-mismatch: PART")
    await shop.run("UPDATE ouvrages SET currency = 'EUR', deleted_at = now() WHERE id = %s", part)
    assert await shop.row(cost, top, top) == (None, "deleted: PART")
    assert await shop.rows("SELECT code, total, problem FROM ouvrage_breakdown(%s)", top) == [
        ("TOP", None, "deleted: PART"),
        ("PART", None, "deleted"),
    ]
    assert await shop.row(cost, 999, 999) == (None, None)


@pytest.mark.parametrize(
    ("text", "factor", "unit"),
    [
        ("m²", 1, "m²"), ("m2", 1, "m²"), ("M2", 1, "m²"), (" 100  m2 ", 100, "m²"), ("1000 m2", 1000, "m²"), ("10m", 10, "m"),
        ("m3", 1, "m³"), ("100 m3", 100, "m³"), ("pièce", 1, "U"), ("100 pièces", 100, "U"), ("1000 pièces", 1000, "U"), ("u", 1, "U"),
        ("Unité", 1, "U"), ("heures", 1, "h"), ("H", 1, "h"), ("Heures machine", 1, "h machine"), ("personnes-heures", 1, "h"),
        ("M.L.", 1, "ml"), ("kg", 1, "kg"), ("T", 1, "t"), ("L", 1, "l"), ("compl", 1, "ens"), ("10 compl", 10, "ens"), ("kWh", 1, "kWh"),
        ("0,5 l", Decimal("0.5"), "l"), ("sac de 25 kg", 1, "sac de 25 kg"), ("", 1, None), (None, 1, None),
    ],
)  # fmt: skip
def test_units_have_one_spelling(
    text: str | None, factor: Decimal | int, unit: str | None, units: dict[str | None, tuple[Decimal, str | None]]
) -> None:
    assert units[text] == (factor, unit)


@pytest.fixture(scope="module")
def units(cluster: Cluster) -> dict[str | None, tuple[Decimal, str | None]]:
    """normalise_unit of every spelling above, asked once."""
    texts = [case[0] for case in test_units_have_one_spelling.pytestmark[0].args[1]]
    with cluster.clone() as clone, psycopg.connect(clone.owner_url) as connection:
        rows = connection.execute("SELECT t, factor, unit FROM unnest(%s::text[]) AS t, normalise_unit(t)", (texts,))
        return {text: (factor, unit) for text, factor, unit in rows}


async def test_units_convert_only_where_they_measure_the_same(shop: Desk) -> None:
    for start, end, ratio in (
        ("m2", "100 m2", "0.01"),
        ("t", "kg", "1000"),
        ("kg", "t", "0.001"),
        ("ml", "m", "1"),
        ("l", "m3", "0.001"),
        ("sac", "sac", "1"),
        ("h", "kg", None),
        ("sac", "kg", None),
    ):
        found = await shop.value("SELECT unit_ratio(%s, %s)", start, end)
        assert found == (None if ratio is None else Decimal(ratio)), (start, end)


async def test_codes_types_and_words(shop: Desk) -> None:
    one = await add(shop, "PLA", "1")
    assert (
        await shop.refused("INSERT INTO ouvrages (code, name, type, unit) VALUES ('PLA', 'x', 'simple', 'U')")
        == "UniqueViolation"
    )
    await shop.run("UPDATE ouvrages SET deleted_at = now(), name = 'Cloison' WHERE id = %s", one)
    again = await add(shop, "PLA", "2", kind="fourniture")
    await shop.run("UPDATE ouvrages SET name = 'Plâtre à béton', description = 'œuvre légère' WHERE id = %s", again)
    assert (
        await shop.refused("INSERT INTO ouvrages (code, name, type, unit) VALUES ('Y', 'x', 'autre', 'U')")
        == "CheckViolation"
    )
    for words in ("platre", "PLÂTRES", "beton", "legeres"):
        assert await shop.rows(
            "SELECT id FROM ouvrages WHERE to_tsvector('french_unaccent', name || ' ' || coalesce(description, '')) @@ websearch_to_tsquery('french_unaccent', %s)",
            words,
        ) == [(again,)], words
    await add(shop, "MO", "40", "h", "main_oeuvre")
    assert await shop.rows("SELECT code FROM fournitures") == [("PLA",)]
    assert await shop.rows("SELECT code FROM main_oeuvres") == [("MO",)]


async def test_history_says_who_changed_what(shop: Desk, people: People) -> None:
    ann = await people.user("Ann", "admin")
    await shop.be(1, ann)
    one, two = await add(shop, "A", "10"), await add(shop, "B", "1")
    await shop.run("UPDATE ouvrages SET unit_price = 12.5, name = 'Autre' WHERE id = %s", one)
    await shop.run(
        "UPDATE ouvrages SET unit_price = 12.5, is_indexed = true, qdrant_point_id = 'p' WHERE id = %s", one
    )  # nothing new
    await shop.rows("SELECT set_config('countersign.import_id', '7', false)")
    await shop.run("UPDATE ouvrages SET unit_price = unit_price * 2")
    await shop.rows("SELECT set_config('countersign.import_id', '', false)")
    await put(shop, one, two, "3")
    await shop.run("UPDATE ouvrage_components SET quantity = 4")
    await shop.run("DELETE FROM ouvrage_components")
    await shop.run("UPDATE ouvrages SET deleted_at = now() WHERE id = %s", one)
    await shop.run("UPDATE ouvrages SET deleted_at = NULL WHERE id = %s", one)
    told = await shop.rows(
        "SELECT operation, changed, old_unit_price, new_unit_price, actor_id, import_log_id FROM ouvrage_history WHERE ouvrage_id = %s ORDER BY id",
        one,
    )
    assert [t[0] for t in told] == [
        "updated",
        "updated",
        "component_added",
        "component_changed",
        "component_removed",
        "deleted",
        "restored",
    ]
    assert told[0] == ("updated", ["name", "unit_price"], Decimal("10.0000"), Decimal("12.5000"), ann, None)
    assert told[1][1:] == (["unit_price"], Decimal("12.5000"), Decimal("25.0000"), ann, 7)
    for query in ("UPDATE ouvrage_history SET actor_id = NULL", "DELETE FROM ouvrage_history"):
        assert await shop.refused(query) == "insert-only"
    touched = await shop.value("SELECT updated_at FROM ouvrages WHERE id = %s", two)
    await shop.run("UPDATE ouvrages SET is_indexed = NOT is_indexed, indexed_at = now() WHERE id = %s", two)
    assert await shop.value("SELECT updated_at FROM ouvrages WHERE id = %s", two) == touched


async def test_a_large_library_is_costed_in_one_statement(shop: Desk) -> None:
    await shop.run(
        "INSERT INTO ouvrages (code, name, type, unit, unit_price) SELECT 'L' || n, 'l', 'fourniture', 'U', n FROM generate_series(1, 2000) n"
    )
    await shop.run(
        "INSERT INTO ouvrages (code, name, type, unit) SELECT 'C' || n, 'c', 'compose', 'U' FROM generate_series(1, 2000) n"
    )
    await shop.run(
        "INSERT INTO ouvrage_components (parent_id, component_id, quantity) SELECT c.id, l.id, 2 FROM ouvrages c "
        "JOIN ouvrages l ON l.code IN ('L' || substr(c.code, 2), 'L' || (substr(c.code, 2)::int % 2000 + 1)) WHERE c.type = 'compose'"
    )
    total, count = await shop.row(
        "SELECT sum(cost), count(*) FROM ouvrage_costs(ARRAY(SELECT id FROM ouvrages WHERE type = 'compose'))"
    )
    assert (total, count) == (2 * 2 * sum(range(1, 2001)), 2000)
