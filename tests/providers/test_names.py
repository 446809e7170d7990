"""What a model's name means and where it is served."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from countersign.kernel.settings import Settings
from countersign.providers.endpoints import endpoint, is_private
from countersign.providers.errors import ModelUnreachable
from countersign.providers.models import BadModelName, ModelName, Options, Provider, is_demonstration


@pytest.mark.parametrize(
    ("text", "provider", "model"),
    [
        ("mistral", "ollama", "mistral"),
        ("mistral:7b", "ollama", "mistral:7b"),
        ("ollama:qwen2.5:0.5b", "ollama", "qwen2.5:0.5b"),
        ("hf.co/org/name:Q4_K_M", "ollama", "hf.co/org/name:Q4_K_M"),
        ("openai:gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("OpenAI:org/model", "openai", "org/model"),
        ("anthropic:claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
        (" local:smollm2 ", "local", "smollm2"),
        ("scripted:prices", "scripted", "prices"),
    ],
)
def test_a_name_is_read(text: str, provider: str, model: str) -> None:
    name = ModelName.parse(text)
    assert (name.provider, name.model) == (provider, model)
    assert ModelName.parse(str(name)) == name


@pytest.mark.parametrize("text", ["", "  ", "openai:", "ollama: ", "two words"])
def test_a_name_without_a_model_is_refused(text: str) -> None:
    with pytest.raises(BadModelName) as error:
        ModelName.parse(text)
    assert error.value.status == 422


def test_only_the_embedded_model_is_a_demonstration() -> None:
    assert is_demonstration("local:smollm2")
    assert not is_demonstration("smollm2")
    assert not is_demonstration(ModelName(Provider.OPENAI, "smollm2"))


def test_the_ledger_calls_anthropic_claude() -> None:
    assert [p.ledger_word for p in Provider] == ["ollama", "openai", "claude", "local", "scripted"]


def where(name: str, options: Options | None = None, **settings: object) -> tuple[str, str | None]:
    found = endpoint(Settings(**settings), ModelName.parse(name), options)  # type: ignore[arg-type]
    return found.url, found.key.get_secret_value() if found.key else None


KEY = SecretStr("sk-secret")


@pytest.mark.parametrize(
    ("name", "options", "settings", "url"),
    [
        ("mistral", None, {}, "http://127.0.0.1:11434"),
        ("mistral", None, {"model": "llama3", "model_url": "gpu.lan:11434/"}, "http://gpu.lan:11434"),
        ("mistral", Options(host="10.0.0.7"), {}, "http://10.0.0.7:11434"),
        ("mistral", Options(host="10.0.0.7", port=1), {"model": "m", "model_url": "http://x"}, "http://10.0.0.7:1"),
        ("mistral", Options(port=99), {}, "http://127.0.0.1:99"),
        ("mistral", Options(host="https://gpu.example"), {}, "https://gpu.example"),
        ("mistral", Options(host="::1"), {}, "http://[::1]:11434"),
        ("openai:gpt-4o", None, {}, "https://api.openai.com/v1"),
        ("openai:qwen", None, {"model": "openai:qwen", "model_url": "http://vllm:8000"}, "http://vllm:8000/v1"),
        ("openai:qwen", None, {"model": "openai:q", "model_url": "http://v/openai/v1"}, "http://v/openai/v1"),
        ("openai:qwen", Options(host="vllm", port=8000), {}, "http://vllm:8000/v1"),
        ("anthropic:c", None, {}, "https://api.anthropic.com"),
        ("anthropic:c", Options(host="elsewhere"), {}, "https://api.anthropic.com"),
        ("anthropic:c", None, {"model": "anthropic:c", "model_url": "http://h:1/v1"}, "http://h:1"),
        ("local:smollm2", None, {"local_model_url": "http://127.0.0.1:5/v1"}, "http://127.0.0.1:5/v1"),
        ("scripted:a", None, {"model": "scripted:b", "model_url": "http://127.0.0.1:5"}, "http://127.0.0.1:5/v1"),
        ("mistral", None, {"model": "openai:x", "model_url": "http://vllm:8000"}, "http://127.0.0.1:11434"),
    ],
)
def test_where_a_model_is_served(name: str, options: Options | None, settings: dict[str, str], url: str) -> None:
    assert where(name, options, **settings)[0] == url


def test_a_key_goes_only_to_the_address_it_was_given_for() -> None:
    openai = {"model": "openai:gpt-4o", "model_api_key": KEY}
    assert where("openai:gpt-4o", **openai)[1] == "sk-secret"
    assert where("openai:gpt-4o-mini", **openai)[1] == "sk-secret"
    assert where("anthropic:c", **openai)[1] is None
    assert where("mistral", **openai)[1] is None
    assert where("openai:gpt-4o", Options(host="evil.example"), **openai)[1] is None
    assert where("local:smollm2", **openai, local_model_url="http://l", local_model_key=SecretStr("k"))[1] == "k"


@pytest.mark.parametrize("name", ["local:smollm2", "scripted:x"])
def test_a_model_without_a_server_says_what_to_set(name: str) -> None:
    with pytest.raises(ModelUnreachable, match="COUNTERSIGN_MODEL"):
        where(name)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost", True),
        ("http://[::1]:5/v1", True),
        ("http://192.168.1.9", True),
        ("http://ollama:11434", True),
        ("http://gpu.local", True),
        ("https://api.openai.com/v1", False),
        ("http://8.8.8.8", False),
    ],
)
def test_which_addresses_are_our_own(url: str, private: bool) -> None:
    assert is_private(url) is private
