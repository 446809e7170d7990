"""Every setting of the product, in one class. Each is documented in docs/settings.md, and a test proves it."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "COUNTERSIGN_"


def default_home() -> Path:
    """The user's data directory (XDG), where an instance lives unless told otherwise."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "countersign"


class Settings(BaseSettings):
    """Read from the environment (prefix ``COUNTERSIGN_``); what is absent is served by the embedded stack of *home*."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", validate_default=True)

    # -- where it lives
    home: Path = Field(
        default_factory=default_home, description="Directory of this instance: data, sockets, logs, key."
    )
    host: str = Field(default="127.0.0.1", description="Address that the web server listens on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port that the web server listens on.")
    public_url: str | None = Field(
        default=None, description="Address under which people reach the site, for links in messages."
    )

    # -- services
    database_url: str | None = Field(default=None, description="PostgreSQL of the application role; absent: embedded.")
    owner_url: str | None = Field(default=None, description="PostgreSQL of the owner, who migrates; absent: the same.")
    pool_size: int = Field(
        default=10, ge=2, le=100, description="Database connections of one web or worker process, at most."
    )
    redis_url: str | None = Field(
        default=None, description="Redis, Valkey or RabbitMQ that rings the workers; absent: embedded."
    )
    qdrant_url: str | None = Field(
        default=None, description="Qdrant server for the vectors; absent: pgvector in PostgreSQL."
    )
    qdrant_api_key: SecretStr | None = Field(default=None, description="API key of the Qdrant server.")
    qdrant_grpc: bool = Field(default=False, description="Talk gRPC with Qdrant instead of REST.")
    qdrant_grpc_port: int = Field(default=6334, ge=1, le=65535, description="Port on which Qdrant talks gRPC.")
    qdrant_ca: Path | None = Field(
        default=None, description="File of the authorities (PEM) that signed the Qdrant server's certificate."
    )
    qdrant_verify: bool = Field(
        default=True, description="Check the Qdrant server's certificate; false only for tests, and not with gRPC."
    )
    qdrant_quantization: Literal["none", "scalar", "binary"] = Field(
        default="none", description="How new collections of Qdrant shrink their vectors in memory."
    )

    # -- models
    model: str | None = Field(
        default=None,
        description="Default chat model as provider:name (ollama:mistral, openai:…, anthropic:…, local:smollm2, "
        "scripted:…); a bare name is Ollama's. Absent: the embedded demonstration model.",
    )
    model_url: str | None = Field(
        default=None, description="Address of the server of the default chat model's provider."
    )
    model_api_key: SecretStr | None = Field(default=None, description="API key for that server.")
    fallback_model: str | None = Field(default=None, description="Model that serves once when the first one fails.")
    embedder: str | None = Field(
        default=None, description="Embedder as provider:name (ollama:embeddinggemma, openai:…)."
    )
    embedder_url: str | None = Field(default=None, description="Address of the embedder's server; absent: embedded.")
    embedder_api_key: SecretStr | None = Field(default=None, description="API key of the embedder's server.")
    local_model_url: str | None = Field(default=None, description="Address of the embedded model server (set by `up`).")
    local_model_key: SecretStr | None = Field(
        default=None, description="Key of the embedded model server (set by `up`)."
    )
    local_embedder_url: str | None = Field(default=None, description="Address of the embedded embedder (set by `up`).")
    answer_timeout: float = Field(default=120.0, gt=0, description="Seconds that an answer may take in all.")
    first_token_timeout: float = Field(default=30.0, gt=0, description="Seconds until the first token must have come.")
    rewrite_questions: bool | None = Field(
        default=None,
        description="Rewrite follow-up questions with the model; absent: yes, except on the embedded model.",
    )

    job_lease_seconds: float = Field(
        default=60.0, gt=0, description="Seconds after which a silent worker's job is taken over."
    )

    # -- people
    admin_email: str | None = Field(
        default=None, description="E-mail of the first administrator; absent: admin@localhost."
    )
    admin_password: SecretStr | None = Field(
        default=None, description="Their password; absent: made up and printed once."
    )
    session_hours: int = Field(default=12, ge=1, description="Hours until an idle sign-in ends.")
    secure_cookies: bool = Field(default=False, description="Send cookies over HTTPS only; set it behind a TLS proxy.")
    trusted_proxies: str = Field(
        default="127.0.0.1", description="Addresses whose X-Forwarded-For is believed, comma-separated."
    )

    # -- safety
    secret_key: SecretStr | None = Field(
        default=None, description="Key that encrypts connector secrets at rest; absent: secret.key in the home."
    )
    allow_private_addresses: bool = Field(
        default=False, description="Let outgoing HTTP reach private addresses (tests only)."
    )
    max_body_bytes: int = Field(
        default=1_000_000, ge=1000, description="Largest request body of an ordinary route, in bytes."
    )
    max_upload_bytes: int = Field(
        default=106_000_000, ge=1000, description="Largest request body of a route that takes files, in bytes."
    )
    max_import_bytes: int = Field(
        default=1_000_000_000, ge=1000, description="Largest file that an import reads, in bytes, unpacked."
    )

    # -- logs
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: console on a terminal, else JSON."
    )

    @classmethod
    def load(cls, home: Path | None = None) -> Settings:
        """Settings from the environment, completed by what a running instance of *home* wrote about itself.

        The environment always wins. ``<home>/run/services.json`` holds ``{"settings": {field: value}}``.
        """
        settings = cls(home=home.resolve()) if home else cls()
        known: dict[str, Any] = {}
        try:
            known = json.loads((settings.home / "run" / "services.json").read_text())["settings"]
        except (OSError, ValueError, KeyError):
            return settings
        given = settings.model_fields_set | {"home"}
        return cls(**{**settings.model_dump(include=given), **{k: v for k, v in known.items() if k not in given}})

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to have these very settings."""
        out: dict[str, str] = {}
        for name in self.model_fields_set | {"home"}:
            value = getattr(self, name)
            if value is not None:
                plain = value.get_secret_value() if isinstance(value, SecretStr) else value
                out[PREFIX + name.upper()] = str(plain).lower() if isinstance(plain, bool) else str(plain)
        return out

    @cached_property
    def base_url(self) -> str:
        """Address of the site without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    def require_database(self) -> str:
        """The application's database URL. Raises ``NoInstance`` when none is configured or running."""
        from .errors import NoInstance

        if self.database_url is None:
            raise NoInstance(
                f"No instance runs in {self.home} and COUNTERSIGN_DATABASE_URL is not set. "
                "Start one with `countersign up`, or name its home with --home."
            )
        return self.database_url
