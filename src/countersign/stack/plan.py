"""Which services the home must run itself, and the settings that result once they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from ..kernel.settings import Settings
from .embedder import Embedder
from .home import Home
from .models import ModelServer
from .postgres import Postgres
from .service import Service
from .valkey import Valkey

# Written nowhere: who configures them keeps them elsewhere on purpose.
UNTOLD = {"secret_key", "admin_password"}
LOCAL = "local:"  # the provider that names the embedded models


@dataclass(slots=True)
class Plan:
    """The embedded services of a home; one is None when *settings* name another."""

    settings: Settings
    home: Home
    postgres: Postgres | None = None
    valkey: Valkey | None = None
    models: ModelServer | None = None
    embedder: Embedder | None = None

    @classmethod
    def of(cls, settings: Settings) -> Plan:
        """What is needed beside what *settings* have configured."""
        home = Home(settings.home)
        return cls(
            settings,
            home,
            None if settings.database_url else Postgres(home),
            None if settings.redis_url else Valkey(home),
            ModelServer(home) if wants_model(settings) else None,
            Embedder(home) if wants_embedder(settings) else None,
        )

    @property
    def stores(self) -> list[Service]:
        """What our processes cannot start without."""
        return [service for service in (self.postgres, self.valkey) if service]

    @property
    def models_and_embedder(self) -> list[Service]:
        """What loads for seconds, and what our processes can start without."""
        return [service for service in (self.models, self.embedder) if service]

    @property
    def embedded(self) -> list[Service]:
        """Every service of the home; none needs another."""
        return [*self.stores, *self.models_and_embedder]

    def complete(self) -> Settings:
        """The configured settings and the addresses of the embedded services, which are then final."""
        found: dict[str, Any] = {}
        if self.postgres:
            found |= {"database_url": self.postgres.url, "owner_url": self.postgres.owner_url}
        if self.valkey:
            self.valkey.pinned = True
            found["redis_url"] = self.valkey.url
        if self.models:
            self.models.pinned = True
            found |= {"local_model_url": self.models.url, "local_model_key": self.models.key}
        if self.embedder:
            self.embedder.pinned = True
            found["local_embedder_url"] = self.embedder.url
        given: dict[str, Any] = {name: getattr(self.settings, name) for name in self.settings.model_fields_set}
        return Settings.model_validate({**given, "home": self.home.path, **found})

    def addresses(self, settings: Settings, *, serving: bool) -> dict[str, dict[str, str]]:
        """Where each service of the completed *settings* is, as ``countersign status --json`` shows it."""
        models = self.models.url if self.models else settings.model_url
        embedder = self.embedder.url if self.embedder else settings.embedder_url
        found = {
            "postgres": {"url": settings.database_url, "owner_url": settings.owner_url or settings.database_url},
            "redis": {"url": settings.redis_url},
            "models": {"url": models, "api_key": self.models.key if self.models else None},
            "embedder": {"url": embedder},
            "qdrant": {"url": settings.qdrant_url},
            "web": {"url": settings.base_url if serving else None},
        }
        told = {name: {k: v for k, v in where.items() if v} for name, where in found.items()}
        return {name: where for name, where in told.items() if where}


def told(settings: Settings) -> dict[str, Any]:
    """The settings that other commands on this home read."""
    plain: dict[str, Any] = {}
    for name in settings.model_fields_set - UNTOLD - {"home"}:
        value = getattr(settings, name)
        if value is not None:
            plain[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return plain


def wants_model(settings: Settings) -> bool:
    """Whether the demonstration model is the default one, or named by a setting."""
    named = (settings.model or LOCAL, settings.fallback_model or "")
    return not settings.local_model_url and any(name.startswith(LOCAL) for name in named)


def wants_embedder(settings: Settings) -> bool:
    """Whether no other embedder is configured."""
    return (
        not settings.local_embedder_url and not settings.embedder_url and (settings.embedder or LOCAL).startswith(LOCAL)
    )
