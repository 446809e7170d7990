"""Fixtures that every room's tests share: real databases, an ``App``, callers, two tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog

from countersign.kernel import events
from countersign.kernel.access import Caller, TenantId, UserId
from countersign.kernel.app import App
from countersign.kernel.database import Database, Tx
from countersign.kernel.json import dumps, loads
from countersign.kernel.settings import Settings
from countersign.webhooks.registry import SENT, check
from tests.cluster import Clone, Cluster, Keeper

# Unconfigured, structlog draws every traceback with all local variables: seconds each.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Commands silence the logs of their process, and here that is the process of the tests."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@events.witness
async def documented(tx: Tx, event: str, event_id: int, data: dict[str, Any]) -> None:
    """Whatever a test makes happen, webhooks are told of it in the shape that docs/webhooks.md promises."""
    if event in SENT:
        check(event, loads(dumps(data)))


KEEPER = pytest.StashKey[Keeper]()
PERMISSIONS = "SELECT slug FROM permissions"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        config.stash[KEEPER] = Keeper()


def pytest_configure_node(node: Any) -> None:
    node.workerinput["cluster"] = str(node.config.stash[KEEPER].directory)


def pytest_unconfigure(config: pytest.Config) -> None:
    if keeper := config.stash.get(KEEPER, None):
        keeper.end()


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Cluster:
    """The PostgreSQL of this run."""
    if keeper := pytestconfig.stash.get(KEEPER, None):
        return Cluster(keeper.directory)
    return Cluster(Path(pytestconfig.workerinput["cluster"]))  # type: ignore[attr-defined]


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[str]:
    """Owner URL of a database that holds nothing."""
    with cluster.clone(migrated=False) as clone:
        yield clone.owner_url


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Clone]:
    """A migrated database of this test's own: ``.url`` for the application, ``.owner_url`` for the superuser."""
    with cluster.clone() as clone:
        yield clone


@pytest.fixture
def database_url(database: Clone) -> str:
    """URL of the application's role for a migrated database of this test's own."""
    return database.url


@pytest.fixture
async def owner(database: Clone) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """An autocommit connection of the superuser, who sees every tenant."""
    async with await psycopg.AsyncConnection.connect(database.owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def app_connection(database: Clone) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """An autocommit connection as ``countersign_app``, without any tenant."""
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def db(database: Clone) -> AsyncIterator[Database]:
    """The kernel's ``Database``, open."""
    async with Database(database.url, pool_size=5) as opened:
        yield opened


@pytest.fixture
def settings(database: Clone, tmp_path: Path) -> Settings:
    """Settings of a temporary home on a migrated database, without a broker."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret.key").write_text("a key for tests")
    return Settings(
        home=home, database_url=database.url, owner_url=database.owner_url, pool_size=5, allow_private_addresses=True
    )


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[App]:
    """An open ``App``."""
    async with App(settings) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation with one user who holds every permission."""

    id: TenantId
    slug: str
    user_id: UserId
    email: str
    caller: Caller


@dataclass(frozen=True, slots=True)
class Tenants:
    """Two organisations that must never see each other."""

    a: Tenant
    b: Tenant

    def __iter__(self) -> Iterator[Tenant]:
        return iter((self.a, self.b))


@pytest.fixture
def tenants(database: Clone) -> Tenants:
    """Tenant *a* is the default one (1), *b* a second one; each has a user (who has no password to sign in with)."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        b = connection.execute("INSERT INTO tenants (name, slug) VALUES ('Autre', 'autre') RETURNING id").fetchone()
        assert b is not None
        return Tenants(_tenant(connection, 1, "default"), _tenant(connection, b[0], "autre"))


def _tenant(connection: psycopg.Connection[Any], tenant: int, slug: str) -> Tenant:
    email = f"fixture@{slug}.example"
    user = add_user(connection, tenant, email)
    every = frozenset(row[0] for row in connection.execute(PERMISSIONS))
    caller = Caller(TenantId(tenant), user, email, "Fixture", every)
    return Tenant(TenantId(tenant), slug, user, email, caller)


def add_user(connection: psycopg.Connection[Any], tenant: int, email: str) -> UserId:
    """A user row without a usable password; the one that exists when the address is taken."""
    row = connection.execute(
        "INSERT INTO users (tenant_id, name, email, password) VALUES (%s, 'Fixture', %s, '!') "
        "ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING id",
        (tenant, email),
    ).fetchone()
    assert row is not None
    return UserId(row[0])


@pytest.fixture
def caller(database: Clone) -> Callable[..., Caller]:
    """``caller("agents.view", …, tenant=1, is_super=False)``: a real user with exactly these permissions; ``"*"`` is all."""

    def make(*permissions: str, tenant: int = 1, is_super: bool = False, email: str | None = None) -> Caller:
        address = email or f"caller@tenant{tenant}.example"
        with psycopg.connect(database.owner_url, autocommit=True) as connection:
            user = add_user(connection, tenant, address)
            granted = frozenset(permissions)
            if "*" in granted:
                granted = frozenset(row[0] for row in connection.execute(PERMISSIONS))
        return Caller(TenantId(tenant), user, address, "Caller", granted, is_super)

    return make
