"""What a home must run itself, and what it tells others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from countersign.kernel.settings import Settings
from countersign.stack.plan import Plan, told

ALL = {"postgres", "redis", "models", "embedder"}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("COUNTERSIGN_"):
            monkeypatch.delenv(name)


def plan(home: Path, **settings: Any) -> Plan:
    made = Plan.of(Settings(home=home, **settings))
    made.home.prepare()
    return made


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({}, set()),
        ({"database_url": "postgresql://x@y/z"}, {"postgres"}),
        ({"redis_url": "redis://y"}, {"redis"}),
        ({"model": "ollama:mistral"}, {"models"}),
        ({"model": "mistral"}, {"models"}),
        ({"model": "ollama:mistral", "fallback_model": "local:smollm2"}, set()),
        ({"model": "local:smollm2"}, set()),
        ({"local_model_url": "http://127.0.0.1:1"}, {"models"}),
        ({"embedder": "ollama:embeddinggemma"}, {"embedder"}),
        ({"embedder_url": "http://127.0.0.1:1/v1"}, {"embedder"}),
        ({"qdrant_url": "http://127.0.0.1:6333"}, set()),
    ],
)
def test_what_is_configured_is_not_started(home_path: Path, settings: dict[str, Any], missing: set[str]) -> None:
    assert {service.name for service in plan(home_path, **settings).embedded} == ALL - missing


def test_the_completed_settings_name_every_service(home_path: Path) -> None:
    made = plan(home_path)
    now = made.complete()
    assert now.database_url
    assert now.owner_url != now.database_url
    assert now.redis_url
    assert now.local_model_url
    assert now.local_model_key
    assert now.local_embedder_url
    assert made.valkey
    assert made.valkey.pinned  # from now on others know its port
    assert set(made.addresses(now, serving=True)) == {"postgres", "redis", "models", "embedder", "web"}
    assert "web" not in made.addresses(now, serving=False)
    made.home.forget_sockets()


def test_what_is_configured_wins(home_path: Path) -> None:
    made = plan(home_path, database_url="postgresql://x@y/z", redis_url="amqp://y", qdrant_url="http://q:6333")
    now = made.complete()
    shown = made.addresses(now, serving=False)
    assert shown["postgres"] == {"url": "postgresql://x@y/z", "owner_url": "postgresql://x@y/z"}
    assert shown["redis"] == {"url": "amqp://y"}
    assert shown["qdrant"] == {"url": "http://q:6333"}


def test_others_are_told_what_they_need_and_no_more(home_path: Path) -> None:
    secrets = {"secret_key": "a long secret key", "admin_password": "hunter2 hunter2", "model_api_key": "sk-1"}
    now = plan(home_path, admin_email="a@b.example", **secrets).complete()
    plain = told(now)
    assert not {"secret_key", "admin_password", "home"} & set(plain)
    assert plain["model_api_key"] == "sk-1"
    assert plain["database_url"] == now.database_url
    again = Settings(**{**plain, "home": home_path})
    assert again.database_url == now.database_url
    Plan.of(again).home.forget_sockets()
