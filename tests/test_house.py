"""The rules of the house, as tests: each says where a thing belongs, and why it failed."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from importlinter.application.use_cases import lint_imports, read_user_options
from importlinter.configuration import configure

from countersign.kernel import migrate, sql
from countersign.kernel.migrate import ROOMS
from tests.cluster import Clone

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "countersign"
MODULES = sorted(SOURCE.rglob("*.py"))
QUERIES = sorted(SOURCE.rglob("queries.sql"))
FAMILIES = ("knowledge", "delivery")


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(path: Path) -> str:
    return ".".join(path.parent.relative_to(SOURCE).parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def statements(file: Path) -> list[sql.Statement]:
    return list(sql.load(f"countersign.{room_of(file)}"))


# -- who may import whom


def test_calls_go_down(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    kept = lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None)
    assert kept, capsys.readouterr().out
    assert len(read_user_options(str(ROOT / "pyproject.toml")).contracts_options) >= 2


@pytest.mark.parametrize("path", [p for p in MODULES if p.relative_to(SOURCE).parts[0] in FAMILIES], ids=short)
def test_rooms_of_a_family_meet_at_service_and_models(path: Path) -> None:
    family, *rest = path.relative_to(SOURCE).parts
    if len(rest) < 2:
        return  # the family's own modules put its rooms together
    wrong = [
        f"{short(path)}:{line} imports {room}.{module}"
        for line, room, module in imports_of_family(path, family)
        if room != rest[0] and module not in ("service", "models") and (SOURCE / family / room).is_dir()
    ]
    assert not wrong, wrong


def imports_of_family(path: Path, family: str) -> Iterator[tuple[int, str, str]]:
    """``(line, room, module)`` of each import from a room of *family* by relative name."""
    depth = len(path.relative_to(SOURCE / family).parts)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.level == depth and node.module:
            room, _, module = node.module.partition(".")
            if module:
                yield node.lineno, room, module.split(".")[0]
            else:
                for name in node.names:
                    yield node.lineno, room, name.name


# -- SQL has three homes

SPEAKS_SQL = re.compile(
    r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(TABLE|INDEX|ROLE|DATABASE|SCHEMA|OR)\b"
    r"|ALTER\s+(TABLE|ROLE|INDEX)\s|DROP\s+(TABLE|INDEX|VIEW)\s|WITH\s+\w+\s+AS\s|GRANT\s|TRUNCATE\s|COPY\s|LISTEN\s|CALL\s)"
)
# What cannot be a named statement: transactions and migrations themselves, servers that are being set up, statements
# wrapped around those of other rooms.
MAY_SPEAK = ("kernel/database.py", "kernel/events.py", "kernel/migrate.py", "stack/", "index/sources.py")


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_no_sql_in_python(path: Path) -> None:
    if str(path.relative_to(SOURCE)).startswith(MAY_SPEAK):
        return
    found = [
        f"{short(path)}:{node.lineno} {node.value.strip()[:60]}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SPEAKS_SQL.match(node.value)
    ]
    assert not found, f"put it into the room's queries.sql: {found}"


@pytest.mark.parametrize("file", QUERIES, ids=short)
async def test_every_statement_prepares(file: Path, database: Clone) -> None:
    """A wrong column, or a parameter whose type PostgreSQL cannot tell, fails here and not at night."""
    wrong: list[str] = []
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as connection:
        for number, statement in enumerate(statements(file)):
            # COPY has no plan to prepare; that its table and columns exist shows as well when they are selected.
            text = re.sub(r"^COPY (\w+) \(([^)]+)\) FROM STDIN$", r"SELECT \2 FROM \1", statement.text)
            for position, name in enumerate(statement.parameters, start=1):
                text = text.replace(f"%({name})s", f"${position}")
            try:
                await connection.execute(f"PREPARE s{number} AS {text.replace('%%', '%')}".encode(), prepare=False)
            except psycopg.Error as error:
                wrong.append(f"{statement.name}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", QUERIES, ids=short)
def test_every_statement_is_called(file: Path) -> None:
    called = "\n".join(path.read_text() for path in MODULES if room_of(path).startswith(room_of(file)))
    unused = [s.name for s in statements(file) if not re.search(rf"\.{s.name}\b|[\"']{s.name}[\"']", called)]
    assert not unused, f"nobody calls {unused}"


def test_every_room_with_objects_has_its_turn() -> None:
    rooms = {room_of(file) for file in SOURCE.rglob("objects.sql")}
    assert rooms <= set(ROOMS), "add the room to migrate.ROOMS"
    assert [room for room, _ in migrate.objects()] == [room for room in ROOMS if room in rooms]


# -- what the database promises


async def test_every_tenants_table_is_behind_row_level_security(owner: psycopg.AsyncConnection[Any]) -> None:
    open_tables = await (
        await owner.execute(
            """
            SELECT c.oid::regclass::text FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
            """
        )
    ).fetchall()
    assert open_tables == []


async def test_every_view_asks_as_its_reader(owner: psycopg.AsyncConnection[Any]) -> None:
    """A view without ``security_invoker`` reads as its owner, who sees every tenant."""
    views = await (
        await owner.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind = 'v' AND n.nspname = 'public' "
            "AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)"
        )
    ).fetchall()
    assert views == []


async def test_functions_with_other_rights_name_their_schema(owner: psycopg.AsyncConnection[Any]) -> None:
    """SECURITY DEFINER without a fixed search_path can be led astray by a table of the same name."""
    loose = await (
        await owner.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "WHERE p.prosecdef AND n.nspname = 'public' "
            "AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c WHERE c LIKE 'search_path=%')"
        )
    ).fetchall()
    assert loose == []


# -- order


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_only_settings_read_the_environment(path: Path) -> None:
    if short(path).endswith(("kernel/settings.py", "stack/process.py")):  # the latter hands it on to services
        return
    found = [
        f"{short(path)}:{node.lineno}"
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv"))
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {"environ", "getenv"} & {n.name for n in node.names}
        )
    ]
    assert not found, f"make it a setting: {found}"


def test_files_stay_small() -> None:
    limits = {".py": 400, ".html": 400, ".js": 400, ".sql": 600, ".css": 900}
    large = [
        f"{short(path)}: {lines} lines"
        for path in (*SOURCE.rglob("*"), *(ROOT / "tests").rglob("*.py"))
        if path.is_file() and path.suffix in limits and not {"vendor", "migrations"} & set(path.parts)
        if (lines := path.read_text().count("\n")) > limits[path.suffix]
    ]
    assert not large, f"split by verb: {large}"


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def test_no_address_of_a_package_index_is_kept() -> None:
    """Whoever installs chooses where from; the hashes say what."""
    hosts = (
        "pypi" + ".org",
        "python" + "hosted.org",
        "registry." + "npmjs",
        "index" + "-url",
        "npm" + "mirror",
        '"resolved' + '":',
    )
    found = []
    for path in tracked():
        if path.suffix in (".png", ".ico", ".woff2", ".gz") or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{short(path)} names {host}" for host in hosts if host in text and not allowed(path, host)]
    assert not found


def allowed(path: Path, host: str) -> bool:
    """The setting that keeps addresses out of the lock file has to be named."""
    return path.name in ("pyproject.toml", "CONTRIBUTING.md") and host.startswith("index")


def test_the_lock_file_has_a_hash_for_each_package() -> None:
    text = (ROOT / "requirements.lock").read_text()
    for block in re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text).strip()):
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_every_dependency_is_locked() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    locked = set(re.findall(r"(?m)^([a-z0-9_.-]+)==", (ROOT / "requirements.lock").read_text()))
    names = {re.split(r"[\[><=~! ;]", dependency)[0].lower() for dependency in wanted}
    assert names <= locked, names - locked


def test_every_room_explains_itself() -> None:
    silent = [short(path) for path in MODULES if not ast.get_docstring(tree(path)) and path.read_text().strip()]
    assert not silent


UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_nothing_is_left_unfinished(path: Path) -> None:
    assert not UNFINISHED.search(path.read_text())
