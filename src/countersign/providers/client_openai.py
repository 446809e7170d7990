"""OpenAI's protocol: OpenAI itself, vLLM, llama.cpp, the embedded model and the scripted one."""

from __future__ import annotations

from typing import Any, cast

import httpx2
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, AsyncStream, DefaultAioHttpClient, DefaultHttpxClient
from pydantic import SecretStr

from .clients import CONNECT_SECONDS, Client, retries, tls
from .endpoints import Endpoint
from .models import Options

OPENAI = "https://api.openai.com/"


class PlainCompletions:
    """The library's chat completions, streaming plain dictionaries.

    LangChain takes dictionaries as well, and building the library's own object for every token, only to take it apart
    again, costs more than sending the token to the reader does.
    """

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def create(self, **payload: Any) -> Any:
        """One call; ``extra_body`` is part of what is sent. Raises as the library does."""
        if not payload.get("stream"):
            return await cast(Any, self._client.chat.completions).create(**payload)
        extra = payload.pop("extra_body", {})
        return await self._client.post(
            "/chat/completions", cast_to=object, body=payload | extra, stream=True, stream_cls=AsyncStream[object]
        )


def make(endpoint: Endpoint) -> Client:
    """A client that asks for the usage in the stream. Without a key a word stands in for it: none is looked for."""
    # A server at home closes a connection after a stream; a far one keeps it.
    limits = httpx2.Limits(keepalive_expiry=0) if endpoint.private else httpx2.Limits()
    timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)
    proxied = not endpoint.private
    url = httpx2.URL(endpoint.url)
    # aiohttp refuses a name and password in an address beside our key; they win, as they always did.
    named = (url.username, url.password) if url.userinfo else None
    http = DefaultAioHttpClient(timeout=timeout, limits=limits, verify=tls(), trust_env=proxied, auth=named)
    model = ChatOpenAI(
        model=endpoint.name.model,
        base_url=str(url.copy_with(userinfo=b"")),
        api_key=endpoint.key or SecretStr("none"),
        max_retries=retries(endpoint),
        timeout=timeout,
        http_async_client=http,
        http_client=DefaultHttpxClient(verify=tls()),  # never used, but it would read all certificates again
        stream_usage=True,
        stream_chunk_timeout=None,
        use_responses_api=False,
    )
    model.async_client = PlainCompletions(model.root_async_client)

    def arguments(options: Options) -> dict[str, Any]:
        given: dict[str, Any] = {}
        if options.temperature is not None:
            given["temperature"] = float(options.temperature)
        if options.max_tokens is not None:
            # OpenAI has renamed the parameter; other servers may know only its old name.
            size = {"max_tokens": options.max_tokens}
            given |= size if endpoint.url.startswith(OPENAI) else {"extra_body": size}
        if options.stop:
            given["stop"] = list(options.stop)
        return given

    return Client(model, arguments, http.aclose)
