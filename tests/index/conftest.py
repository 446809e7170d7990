"""Both backends of the vector index, and a small company whose records are searched."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
import pytest

from countersign.index import indexer, service, sources
from countersign.index.models import Searched
from countersign.index.pgvector import PgVectorIndex
from countersign.index.qdrant import QdrantIndex
from countersign.index.qdrant_wire import connect
from countersign.index.run import Report
from countersign.index.vectors import VectorIndex
from countersign.kernel.app import App
from countersign.kernel.database import Database
from countersign.kernel.settings import Settings
from countersign.providers.embedders import Embedders
from countersign.providers.errors import EmbedderUnreachable
from countersign.providers.profiles import Profile
from tests.cluster import Clone
from tests.conftest import Tenant, Tenants
from tests.fakes.qdrant import FakeQdrant


@pytest.fixture(params=["pgvector", "qdrant-rest", "qdrant-grpc"])
async def vectors(request: pytest.FixtureRequest) -> AsyncIterator[VectorIndex]:
    """An empty vector index: pgvector in a fresh database, then Qdrant over each of its protocols."""
    if request.param == "pgvector":
        database: Clone = request.getfixturevalue("database")
        async with Database(database.url, pool_size=5) as opened:
            yield PgVectorIndex(opened)
        return
    fake = FakeQdrant()
    async with fake.rest() as url, fake.grpc() as port:
        settings = Settings(qdrant_url=url, qdrant_grpc=request.param == "qdrant-grpc", qdrant_grpc_port=port)
        index = QdrantIndex(connect(settings))
        yield index
        await index.aclose()


@pytest.fixture
def pgvector(db: Database) -> PgVectorIndex:
    """The embedded backend alone."""
    return PgVectorIndex(db)


class WordEmbedder:
    """Vectors from words: texts that share words are near. Counts what it was given; fails when told to."""

    profile = Profile()

    def __init__(self, name: str = "fake:words", dimensions: int = 64) -> None:
        self.id = name
        self.dimensions = dimensions
        self.given: list[str] = []
        self.formers: dict[str, WordEmbedder] = {}
        self.down = False

    async def query(self, text: str, *, caller: Any = None) -> Any:
        return self._vector(text)

    async def passages(self, texts: Any, *, caller: Any = None) -> Any:
        if self.down:
            raise EmbedderUnreachable("The embedder sleeps.")
        if any("POISON" in text for text in texts):
            raise ValueError("this text cannot be embedded")
        self.given += texts
        return np.stack([self._vector(text) for text in texts])

    async def current(self) -> WordEmbedder:
        return self

    async def named(self, name: str) -> WordEmbedder:
        """Itself, or one of the *formers* that can still be asked."""
        if name == self.id:
            return self
        if name not in self.formers:
            raise EmbedderUnreachable(f"{name} is no longer configured.")
        return self.formers[name]

    def _vector(self, text: str) -> Any:
        vector = np.full(self.dimensions, 1e-3, np.float32)
        for word in re.findall(r"\w+", text.lower()):
            vector[zlib.crc32(f"{self.id}:{word}".encode()) % self.dimensions] += 1
        return vector / np.linalg.norm(vector)


@dataclass
class Shop:
    """Two tenants who keep *things* (a table of this test), and the index over them."""

    app: App
    owner: psycopg.AsyncConnection[Any]
    embedder: WordEmbedder
    a: Tenant
    b: Tenant

    async def add(
        self, *names: str, tenant: Tenant | None = None, collection: str = "things", **more: Any
    ) -> list[int]:
        """New things, marked in the same transaction; their ids."""
        async with self.app.db.transaction((tenant or self.a).caller) as tx:
            ids = [await tx.value(ADD, name=name, code=more.get("code"), body=more.get("body", "")) for name in names]
            await service.mark(tx, collection, "thing", ids)
        return ids

    async def change(self, thing: int, tenant: Tenant | None = None, **values: Any) -> None:
        """Another name, body or price, touched in the same transaction."""
        async with self.app.db.transaction((tenant or self.a).caller) as tx:
            for column, value in values.items():
                await tx.run(f"UPDATE things SET {column} = %(value)s WHERE id = %(id)s", value=value, id=thing)
            await service.touch(tx, "thing", [thing])

    async def delete(self, *things: int) -> None:
        """Gone, and forgotten in the same transaction."""
        async with self.app.db.transaction(self.a.caller) as tx:
            await tx.run("DELETE FROM things WHERE id = ANY(%(ids)s)", ids=list(things))
            await service.forget(tx, "thing", things)

    async def index(self, tenant: Tenant | None = None, collection: str = "things") -> Report:
        """One run of the indexer."""
        return await indexer.index(self.app, (tenant or self.a).caller, collection)

    async def find(self, question: str, tenant: Tenant | None = None, k: int = 5, **more: Any) -> Searched:
        """A search with the question's vector, unless ``vector=None`` is given."""
        collection = more.pop("collection", "things")
        vector = more.pop("vector", await self.embedder.query(question))
        return await service.search(
            self.app, (tenant or self.a).caller, collection, question, vector, k, more.pop("kinds", None), **more
        )

    async def titles(self, question: str, tenant: Tenant | None = None, **more: Any) -> list[str]:
        return [hit.title for hit in (await self.find(question, tenant, **more)).hits]

    async def count(self, table: str, where: str = "true") -> int:
        """Rows of all tenants."""
        row = await (await self.owner.execute(f"SELECT count(*) FROM {table} WHERE {where}")).fetchone()
        assert row is not None
        return row[0]


ADD = "INSERT INTO things (name, code, body) VALUES (%(name)s, %(code)s, %(body)s) RETURNING id"
THINGS = """
CREATE TABLE things (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id bigint NOT NULL DEFAULT current_tenant(),
    name text NOT NULL, code text, body text NOT NULL DEFAULT '', price numeric, point uuid)
"""
READ = """
SELECT id AS source_id, name AS title, code, '/things/' || id AS url, body AS content,
       jsonb_build_object('db_id', id, 'price', price) AS payload
FROM things WHERE %(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s::bigint[])
"""
DONE = """
UPDATE things t SET point = p.point FROM unnest(%(ids)s::bigint[], %(points)s::uuid[]) AS p(id, point) WHERE t.id = p.id
"""


@pytest.fixture(params=["pgvector", "qdrant"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def fake_qdrant(backend: str) -> AsyncIterator[FakeQdrant | None]:
    """Serves on ``fake_qdrant.url`` where the backend is Qdrant."""
    if backend != "qdrant":
        yield None
        return
    fake = FakeQdrant()
    async with fake.rest() as fake.url:
        yield fake


@pytest.fixture
async def shop(
    fake_qdrant: FakeQdrant | None,
    house: App,
    owner: psycopg.AsyncConnection[Any],
    tenants: Tenants,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    """Tenants, their table of things as a source, and an embedder that counts."""
    await owner.execute(THINGS)
    await owner.execute("CALL apply_tenant_policies()")
    monkeypatch.setitem(sources.SOURCES, "thing", sources.Source("thing", "things", READ, DONE))
    embedder = WordEmbedder()
    house._made[Embedders] = embedder
    house.settings.qdrant_url = fake_qdrant.url if fake_qdrant else None
    return Shop(house, owner, embedder, tenants.a, tenants.b)
