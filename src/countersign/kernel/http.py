"""Outgoing HTTP with a guard: scheme, resolved address, redirects, size and time are all bounded."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator

import httpx

from .errors import Invalid, TooLarge, Unavailable

MAX_BYTES = 10_000_000
MAX_REDIRECTS = 3
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
COMPATIBLE = ipaddress.IPv6Network("::/96")


class AddressRefused(Invalid):
    """This address is private or not reachable from here on purpose. Use a public https address."""


class LeadsInside(AddressRefused):
    """%(host)s leads to a private address. Use a public one."""


class UnknownHost(Unavailable):
    """The name %(host)s does not resolve."""


class CompressedAnswer(Unavailable):
    """The server answers compressed although it was asked not to."""


async def resolve(host: str, port: int, *, allow_private: bool = False) -> str:
    """The address to connect to. Every address of *host* must be public, so that a name cannot hide a private one.

    Raises ``LeadsInside`` or ``UnknownHost``.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnknownHost(host=host) from error
    addresses = [str(info[4][0]) for info in found]
    if not allow_private and not all(_public(address) for address in addresses):
        raise LeadsInside(host=host)
    return addresses[0]


def _public(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (inner := _inside(ip)) is not None:
        return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


def _inside(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, where a gateway may lead there."""
    if ip.teredo:
        return ip.teredo[1]
    if ip in NAT64 or ip in COMPATIBLE:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to the very address that was checked (no second look-up), and stops reading at *max_bytes*."""

    def __init__(self, *, allow_private: bool = False, max_bytes: int = MAX_BYTES) -> None:
        self._inner = httpx.AsyncHTTPTransport(retries=0)
        self._allow_private = allow_private
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in ("https", "http"):
            raise AddressRefused(f"Only http and https are allowed, not {url.scheme}.")
        if url.userinfo:
            raise AddressRefused("An address may not carry a name or a password.")
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await resolve(url.host, port, allow_private=self._allow_private)
        # Asked for plain, so that what is counted is what arrives: a small body may unpack to gigabytes.
        request.headers["Accept-Encoding"] = "identity"
        extensions = {**request.extensions, "sni_hostname": url.host}
        pinned = httpx.Request(
            request.method,
            url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions=extensions,
        )
        response = await self._inner.handle_async_request(pinned)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise CompressedAnswer(answered=response.status_code)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Bounded(response.stream, self._max_bytes)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, most: int) -> None:
        self._inner = inner
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._inner:
            seen += len(chunk)
            if seen > self._most:
                raise TooLarge(f"The answer is larger than {self._most:,} bytes.")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def guarded_client(
    *, allow_private: bool = False, timeout: float = 30.0, max_bytes: int = MAX_BYTES, redirects: bool = False
) -> httpx.AsyncClient:
    """A client for addresses that users typed: no proxy, no netrc, and each redirect is checked again."""
    return httpx.AsyncClient(
        transport=GuardedTransport(allow_private=allow_private, max_bytes=max_bytes),
        timeout=timeout,
        follow_redirects=redirects,
        max_redirects=MAX_REDIRECTS,
        trust_env=False,
    )


async def fetch(
    client: httpx.AsyncClient, method: str, url: str, *, deadline: float = 30.0, **kwargs: object
) -> httpx.Response:
    """One request with its whole body, within *deadline* seconds in all. Raises ``Unavailable`` with the reason."""
    try:
        async with asyncio.timeout(deadline):
            return await client.request(method, url, **kwargs)  # pyright: ignore[reportArgumentType]
    except TimeoutError as error:
        raise Unavailable(f"{url} did not answer within {deadline:g} s.") from error
    except httpx.HTTPError as error:
        raise Unavailable(f"{url} does not answer: {error or type(error).__name__}.") from error
