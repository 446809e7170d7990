"""What only Qdrant has: its two protocols, its key, its certificate, the seed's settings, its absence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from qdrant_client import models

from countersign.index import qdrant as module
from countersign.index.models import VectorsUnavailable, point_id
from countersign.index.qdrant import QdrantIndex
from countersign.index.qdrant_wire import BadCertificateSetting, connect
from countersign.index.vectors import Point
from countersign.kernel.settings import Settings
from tests.fakes.qdrant import FakeQdrant

SIZE = 8
PROTOCOLS = pytest.mark.parametrize("over_grpc", [False, True], ids=["rest", "grpc"])


def unit(place: int) -> Any:
    return np.eye(SIZE, dtype=np.float32)[place]


def point(n: int, tenant: int = 1) -> Point:
    return Point(point_id("v", str(tenant), n), tenant, "ouvrage", unit(n), {"db_id": n, "unit_price": 45.5})


@asynccontextmanager
async def index(fake: FakeQdrant, over_grpc: bool, **settings: Any) -> AsyncIterator[QdrantIndex]:
    async with fake.rest() as url, fake.grpc() as port:
        given = Settings(qdrant_url=url, qdrant_grpc=over_grpc, qdrant_grpc_port=port, **settings)
        made = QdrantIndex(connect(given), given.qdrant_quantization)
        yield made
        await made.aclose()


@PROTOCOLS
async def test_a_collection_is_set_as_the_seed_says(over_grpc: bool) -> None:
    fake = FakeQdrant()
    async with index(fake, over_grpc) as made:
        await made.ensure("agent_btp_ouvrages__g1", SIZE)
        await made.ensure("agent_btp_ouvrages__g1", SIZE)
    info = await fake.info("agent_btp_ouvrages__g1")
    vectors = info.config.params.vectors
    assert isinstance(vectors, models.VectorParams)
    assert (vectors.size, vectors.distance, vectors.on_disk) == (SIZE, models.Distance.COSINE, False)
    assert (info.config.hnsw_config.m, info.config.hnsw_config.ef_construct) == (16, 100)
    optimizer = info.config.optimizer_config
    assert (optimizer.memmap_threshold, optimizer.indexing_threshold) == (20_000, 10_000)
    assert info.config.quantization_config is None
    assert {name: index.data_type.value for name, index in info.payload_schema.items()} == {
        "tenant": "keyword",
        "tenant_id": "integer",
        "kind": "keyword",
    }
    tenant = info.payload_schema["tenant"].params
    assert isinstance(tenant, models.KeywordIndexParams) and tenant.is_tenant


@PROTOCOLS
@pytest.mark.parametrize("quantization", ["scalar", "binary"])
async def test_vectors_are_quantised_when_a_setting_says_so_and_rescored(over_grpc: bool, quantization: Any) -> None:
    fake = FakeQdrant()
    async with index(fake, over_grpc, qdrant_quantization=quantization) as made:
        await made.ensure("c", SIZE)
        await made.search("c", unit(1), 5, 1)
    config = (await fake.info("c")).config.quantization_config
    assert isinstance(config, models.ScalarQuantization) == (quantization == "scalar")
    assert isinstance(config, models.BinaryQuantization) == (quantization == "binary")
    assert fake.searched is not None and fake.searched.quantization is not None
    assert fake.searched.quantization.rescore


@PROTOCOLS
async def test_a_kill_between_a_collection_and_its_indexes_is_mended(over_grpc: bool) -> None:
    fake = FakeQdrant()
    async with index(fake, over_grpc) as made:
        await made.ensure("c", SIZE)
        fake.indexes["c"].clear()
        await made.ensure("c", SIZE)
    assert set(fake.indexes["c"]) == {"tenant", "tenant_id", "kind"}


@PROTOCOLS
async def test_points_carry_the_seeds_fields_and_never_meet_another_tenant(over_grpc: bool) -> None:
    fake = FakeQdrant()
    async with index(fake, over_grpc) as made:
        await made.ensure("c", SIZE)
        await made.upsert("c", [point(1), point(1, tenant=2), point(2, tenant=2)])
        assert [near.id for near in await made.search("c", unit(1), 10, 1)] == [point(1).id]
        assert await made.scores("c", unit(1), 1, [point(1, tenant=2).id]) == {}
        await made.delete("c", 1, [point(2, tenant=2).id])
        assert (await made.stats("c")).points == 3
    [record] = await fake.engine.retrieve("c", [str(point(1).id)])
    assert record.payload == {"db_id": 1, "unit_price": 45.5, "tenant_id": 1, "tenant": "1", "kind": "ouvrage"}


@PROTOCOLS
async def test_the_key_is_sent_and_a_wrong_one_is_said(over_grpc: bool) -> None:
    fake = FakeQdrant(key="right")
    async with index(fake, over_grpc, qdrant_api_key="right") as made:
        await made.ensure("c", SIZE)
    async with index(fake, over_grpc, qdrant_api_key="wrong") as made:
        with pytest.raises(VectorsUnavailable, match="does not accept the key.*COUNTERSIGN_QDRANT_API_KEY"):
            await made.search("c", unit(1), 1, 1)


@PROTOCOLS
async def test_a_server_that_is_gone_is_said_at_once(over_grpc: bool) -> None:
    async with asyncio.timeout(60):
        made = QdrantIndex(
            connect(Settings(qdrant_url="http://127.0.0.1:9", qdrant_grpc=over_grpc, qdrant_grpc_port=9))
        )
        with pytest.raises(VectorsUnavailable, match="Qdrant"):
            await made.search("c", unit(1), 1, 1)
        await made.aclose()


@PROTOCOLS
async def test_a_server_that_swallows_everything_costs_a_question_little(
    over_grpc: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEARCH_SECONDS", 0.3)

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = QdrantIndex(
        connect(Settings(qdrant_url=f"http://127.0.0.1:{port}", qdrant_grpc=over_grpc, qdrant_grpc_port=port))
    )
    async with asyncio.timeout(60):
        with pytest.raises(VectorsUnavailable, match="too long"):
            await made.search("c", unit(1), 1, 1)
    await made.aclose()
    server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Key and certificate of a server on this machine, which signed itself."""
    place = tmp_path_factory.mktemp("tls")
    key, certificate = place / "key.pem", place / "certificate.pem"
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(secret.private_bytes(serialization.Encoding.PEM, form, plain))
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return key, certificate


@PROTOCOLS
async def test_a_certificate_is_checked_against_the_named_authority(
    over_grpc: bool, certificate: tuple[Path, Path]
) -> None:
    key, signed = certificate
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), signed.read_bytes())])
    fake = FakeQdrant(key="k")
    async with (
        fake.rest(ssl_keyfile=str(key), ssl_certfile=str(signed)) as url,
        fake.grpc(credentials=credentials) as port,
    ):
        common: dict[str, Any] = {"qdrant_url": url, "qdrant_grpc": over_grpc, "qdrant_grpc_port": port}

        async def reaches(**more: Any) -> bool:
            made = QdrantIndex(connect(Settings(**common, qdrant_api_key="k", **more)))
            try:
                await made.ensure("c", SIZE)
                return True
            except VectorsUnavailable:
                return False
            finally:
                await made.aclose()

        assert not await reaches()
        assert await reaches(qdrant_ca=signed)
        if over_grpc:
            with pytest.raises(BadCertificateSetting, match="COUNTERSIGN_QDRANT_CA"):
                await reaches(qdrant_verify=False)
        else:
            assert await reaches(qdrant_verify=False)


def test_an_authority_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    for file in (tmp_path / "missing.pem", tmp_path):
        with pytest.raises(BadCertificateSetting, match="COUNTERSIGN_QDRANT_CA"):
            connect(Settings(qdrant_url="https://127.0.0.1:6333", qdrant_ca=file))
    (tmp_path / "text.pem").write_text("not a certificate")
    with pytest.raises(BadCertificateSetting, match="COUNTERSIGN_QDRANT_CA"):
        connect(Settings(qdrant_url="https://127.0.0.1:6333", qdrant_ca=tmp_path / "text.pem"))
