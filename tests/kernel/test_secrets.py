"""Secrets at rest: sealed, per tenant, opened by old keys after a rotation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from countersign.kernel.database import Database
from countersign.kernel.errors import NotFound
from countersign.kernel.secrets import NoKey, Vault, WrongKey
from countersign.kernel.settings import Settings
from tests.conftest import Tenants


def vault(tmp_path: Path, keys: str) -> Vault:
    return Vault(Settings(home=tmp_path, secret_key=keys))  # type: ignore[arg-type]


def test_what_is_sealed_opens_again_and_shows_nothing(tmp_path: Path) -> None:
    ours = vault(tmp_path, "one")
    sealed = ours.seal("ghp_é€")
    assert b"ghp_" not in sealed
    assert ours.seal("ghp_é€") != sealed
    assert ours.open(sealed) == "ghp_é€"


def test_a_new_key_seals_and_the_old_one_still_opens(tmp_path: Path) -> None:
    before, after = vault(tmp_path, "old"), vault(tmp_path, "new,old")
    assert after.open(before.seal("x")) == "x"
    with pytest.raises(WrongKey):
        before.open(after.seal("x"))
    assert before.key_id != after.key_id


def test_a_changed_text_does_not_open(tmp_path: Path) -> None:
    sealed = bytearray(vault(tmp_path, "one").seal("x"))
    sealed[-3] ^= 1
    with pytest.raises(WrongKey):
        vault(tmp_path, "one").open(bytes(sealed))


def test_the_key_of_the_home_serves(tmp_path: Path) -> None:
    with pytest.raises(NoKey):
        Vault(Settings(home=tmp_path))
    (tmp_path / "secret.key").write_text("of the home\n")
    assert Vault(Settings(home=tmp_path)).open(vault(tmp_path, "of the home").seal("x")) == "x"


async def test_stored_secrets_belong_to_a_tenant(db: Database, tenants: Tenants, tmp_path: Path, owner: Any) -> None:
    ours = vault(tmp_path, "one")
    async with db.transaction(tenants.a.caller) as tx:
        await ours.put(tx, "github", "ghp_first")
        await ours.put(tx, "github", "ghp_second")
        assert await ours.get(tx, "github") == "ghp_second"
    async with db.transaction(tenants.b.caller) as tx:
        with pytest.raises(NotFound):
            await ours.get(tx, "github")
        await ours.put(tx, "github", "ghp_other")
    async with db.transaction(tenants.a.caller) as tx:
        assert await ours.get(tx, "github") == "ghp_second"
    stored = await (await owner.execute("SELECT ciphertext, rotated_at IS NOT NULL FROM secrets")).fetchall()
    assert len(stored) == 2
    assert all(b"ghp_" not in bytes(row[0]) for row in stored)
    assert sorted(row[1] for row in stored) == [False, True]
