"""What the tests of the schema share: a connection that can be somebody, and a few rows to begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from tests.cluster import Clone


class Desk:
    """One autocommit connection; ``be`` sets whose tenant and which user it works for."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection

    async def be(self, tenant: int | None, user: int | None = None) -> Desk:
        """Work for this tenant and user from now on; None is nobody."""
        for name, value in (("tenant_id", tenant), ("user_id", user)):
            await self.connection.execute(
                "SELECT set_config(%s, %s, false)", (f"countersign.{name}", "" if value is None else str(value))
            )
        return self

    async def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Every row."""
        cursor = await self.connection.execute(query.encode(), values or None)
        return await cursor.fetchall() if cursor.description else []

    async def row(self, query: str, *values: Any) -> tuple[Any, ...]:
        """The only row."""
        found = await self.rows(query, *values)
        assert len(found) == 1, f"{len(found)} rows"
        return found[0]

    async def value(self, query: str, *values: Any) -> Any:
        """The only column of the only row."""
        return (await self.row(query, *values))[0]

    async def run(self, query: str, *values: Any) -> int:
        """How many rows were touched."""
        return (await self.connection.execute(query.encode(), values or None)).rowcount

    async def refused(self, query: str, *values: Any) -> str:
        """The word with which PostgreSQL refuses: our code, or the class of its own error."""
        with pytest.raises(psycopg.Error) as caught:
            await self.connection.execute(query.encode(), values or None)
        error = caught.value
        if (error.sqlstate or "").startswith("P0"):
            assert error.diag.message_detail, "a refusal says why, for the reader"
            return str(error.diag.message_primary)
        return type(error).__name__


@asynccontextmanager
async def desk(url: str) -> AsyncIterator[Desk]:
    """A new connection."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("SET TIME ZONE 'UTC'")
        yield Desk(connection)


@pytest.fixture
async def own(database: Clone) -> AsyncIterator[Desk]:
    """The superuser, who sees every tenant."""
    async with desk(database.owner_url) as opened:
        yield opened


@pytest.fixture
async def app(database: Clone) -> AsyncIterator[Desk]:
    """The application's role, as nobody yet."""
    async with desk(database.url) as opened:
        yield opened


@pytest.fixture
async def second(database: Clone) -> AsyncIterator[Desk]:
    """Another connection of the application, for two at once."""
    async with desk(database.url) as opened:
        yield opened


class People:
    """Makes tenants and users as the owner."""

    def __init__(self, own: Desk) -> None:
        self.own = own

    async def tenant(self, slug: str) -> int:
        """A new tenant."""
        return await self.own.value("INSERT INTO tenants (name, slug) VALUES (%s, %s) RETURNING id", slug, slug)

    async def user(self, name: str, *roles: str, tenant: int = 1) -> int:
        """A new user with these system roles."""
        user = await self.own.value(
            "INSERT INTO users (tenant_id, name, email, password) VALUES (%s, %s, %s, '!') RETURNING id",
            tenant,
            name,
            f"{name.lower()}@tenant{tenant}.example",
        )
        for role in roles:
            await self.own.rows(
                "SELECT grant_role(%s, (SELECT id FROM roles WHERE is_system AND slug = %s))", user, role
            )
        return user


@pytest.fixture
def people(own: Desk) -> People:
    """Tenants and users on demand."""
    return People(own)
