"""Where a model is served: its address and the key that may be sent there."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from ..kernel.settings import Settings
from .errors import ModelUnreachable
from .models import DEMONSTRATION, ModelName, Options, Provider

HOMES = {
    Provider.OLLAMA: "http://127.0.0.1:11434",
    Provider.OPENAI: "https://api.openai.com/v1",
    Provider.ANTHROPIC: "https://api.anthropic.com",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one address. ``url`` has the path that the provider's client wants and no closing slash."""

    name: ModelName
    url: str
    key: SecretStr | None = None

    @property
    def address(self) -> str:
        """``url`` for people: without a name and password that may stand in it."""
        return shown(self.url)

    @property
    def private(self) -> bool:
        """Whether the address is this machine's or network's: nobody bills, and no proxy is asked."""
        return is_private(self.url)


def shown(url: str) -> str:
    """*url* without a name and password that may stand in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def is_private(url: str) -> bool:
    """Whether *url* leads to this machine or a private network, judged by its text alone."""
    host = (urlsplit(url).hostname or "").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".lan", ".internal", ".home.arpa"))
    return not address.is_global


def default_model(settings: Settings) -> ModelName:
    """The model that serves where nothing else is said. Raises ``BadModelName``."""
    return ModelName.parse(settings.model) if settings.model else DEMONSTRATION


def endpoint(settings: Settings, name: ModelName, options: Options | None = None) -> Endpoint:
    """Where *name* is served. An agent's own host wins, then the configured address, then the provider's home.

    The configured key goes only to the address that it was configured for. Raises ``ModelUnreachable`` when the
    provider has no address.
    """
    if name.provider is Provider.LOCAL:
        if not settings.local_model_url:
            raise ModelUnreachable(
                "The embedded model server does not run. Start it with `countersign up`, or set COUNTERSIGN_MODEL "
                "and COUNTERSIGN_MODEL_URL."
            )
        return Endpoint(name, tidy(name.provider, settings.local_model_url), settings.local_model_key)
    configured = settings.model_url if default_model(settings).provider is name.provider else None
    ours = default_model(settings).provider is name.provider
    usual = configured or HOMES.get(name.provider)
    own = _own_address(name.provider, options) if options else None
    if not (own or usual):
        raise ModelUnreachable(f"{name} has no server: set COUNTERSIGN_MODEL={name} and COUNTERSIGN_MODEL_URL.")
    url = tidy(name.provider, own or usual or "")
    key = settings.model_api_key if ours and usual and url == tidy(name.provider, usual) else None
    return Endpoint(name, url, key)


def _own_address(provider: Provider, options: Options) -> str | None:
    """The address of an agent's ``ollama_host`` and ``ollama_port``; only servers that people run themselves move."""
    if provider not in (Provider.OLLAMA, Provider.OPENAI) or not (options.host or options.port):
        return None
    host = options.host or "127.0.0.1"
    if "://" not in host:
        host = f"http://[{host}]" if host.count(":") > 1 and not host.startswith("[") else f"http://{host}"
    parts = urlsplit(host)
    port = options.port or parts.port or (11434 if provider is Provider.OLLAMA and parts.scheme == "http" else None)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path}"


def tidy(provider: Provider, url: str) -> str:
    """*url* as the provider's client wants it: OpenAI's with its version, the others without."""
    if "://" not in url:
        url = f"http://{url}"
    url = url.rstrip("/")
    if provider in (Provider.OLLAMA, Provider.ANTHROPIC):
        return url.removesuffix("/v1")
    return url if urlsplit(url).path else f"{url}/v1"
