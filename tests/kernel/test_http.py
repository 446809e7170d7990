"""Outgoing HTTP: no way to a private address, by name, number, redirect or spelling; sizes and times are bounded."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from countersign.kernel import http
from countersign.kernel.errors import TooLarge, Unavailable
from countersign.kernel.http import AddressRefused, CompressedAnswer, fetch, guarded_client, resolve

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[int]:
    """A raw HTTP server on loopback; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def says(text: str) -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text.replace("\n", "\r\n").encode())
        await writer.drain()

    return answer


HELLO = says("HTTP/1.1 200 OK\nContent-Length: 5\nConnection: close\n\nhello")


def names(monkeypatch: pytest.MonkeyPatch, **addresses: list[str]) -> list[str]:
    """Replaces name resolution; returns the list of names that are asked for."""
    asked: list[str] = []

    async def getaddrinfo(_: Any, host: str, port: int, **__: Any) -> list[Any]:
        asked.append(host)
        found = addresses.get(host.replace(".", "_"))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.0.0.1:5432/",
        "http://localhost/",
        "http://2130706433/",  # 127.0.0.1 as one number
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0.0.0.0/",
        "http://0/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://[ff02::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    ],
)
async def test_private_addresses_in_every_spelling(url: str) -> None:
    async with guarded_client() as client:
        with pytest.raises((AddressRefused, Unavailable, httpx.InvalidURL)):
            await fetch(client, "GET", url, deadline=60)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "2002:808:808::"])
async def test_public_addresses_pass(address: str) -> None:
    assert await resolve(address, 443) == address


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2001:0:1::", "::a00:1"])
async def test_a_name_that_leads_inside(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    names(monkeypatch, inside_example=[address])
    async with guarded_client() as client:
        with pytest.raises(AddressRefused, match=r"inside\.example leads to a private address"):
            await fetch(client, "GET", "http://inside.example/")


async def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, mixed_example=["8.8.8.8", "10.0.0.1"])
    with pytest.raises(AddressRefused):
        await resolve("mixed.example", 80)


async def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers differently the second time (rebinding) is not asked a second time."""
    async with server(HELLO) as port:
        asked = names(monkeypatch, twice_example=["127.0.0.1"])
        async with guarded_client(allow_private=True) as client:
            reply = await fetch(client, "GET", f"http://twice.example:{port}/")
    assert reply.text == "hello"
    assert asked[0] == "twice.example"
    assert set(asked[1:]) <= {"127.0.0.1"}
    assert reply.request.url.host == "twice.example"


async def test_the_host_header_keeps_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        names(monkeypatch, named_example=["127.0.0.1"])
        async with guarded_client(allow_private=True) as client:
            await fetch(client, "GET", f"http://named.example:{port}/")
    assert f"Host: named.example:{port}".encode().lower() in heard[0].lower()


async def test_a_redirect_to_loopback_is_checked_like_a_first_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server(HELLO) as inside:
        moved = says(f"HTTP/1.1 302 Found\nLocation: http://127.0.0.1:{inside}/\nContent-Length: 0\n\n")
        async with server(moved) as port:
            public = names(monkeypatch, moved_example=["127.0.0.1"])
            monkeypatch.setattr(http, "_public", lambda address: public == ["moved.example"])  # only the first is
            async with guarded_client(redirects=True) as client:
                with pytest.raises((AddressRefused, Unavailable)):
                    await fetch(client, "GET", f"http://moved.example:{port}/")


async def test_redirects_are_not_followed_unless_asked_and_never_for_long() -> None:
    async def again(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async with server(again) as port:
        async with guarded_client(allow_private=True) as client:
            assert (await fetch(client, "GET", f"http://127.0.0.1:{port}/")).status_code == 302
        async with guarded_client(allow_private=True, redirects=True) as client:
            with pytest.raises(Unavailable, match="does not answer"):
                await fetch(client, "GET", f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "url", ["ftp://8.8.8.8/", "file:///etc/passwd", "gopher://8.8.8.8/", "data:,x", "/relative", ""]
)
async def test_other_schemes(url: str) -> None:
    async with guarded_client(allow_private=True) as client:
        with pytest.raises((AddressRefused, Unavailable)):
            await fetch(client, "GET", url)


async def test_a_name_in_the_address_is_refused() -> None:
    async with guarded_client(allow_private=True) as client:
        with pytest.raises(AddressRefused, match="name or a password"):
            await fetch(client, "GET", "http://user:secret@127.0.0.1/")


async def test_a_large_body_is_cut_off_whether_announced_or_not() -> None:
    async def large(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(11):
            writer.write(b"x" * 1_000_000)
            await writer.drain()

    async with server(large) as port, guarded_client(allow_private=True) as client:
        with pytest.raises(TooLarge, match="10,000,000"):
            await fetch(client, "GET", f"http://127.0.0.1:{port}/")


async def test_a_body_that_would_unpack_to_more_is_refused() -> None:
    import gzip

    packed = gzip.compress(b"\0" * 50_000_000)

    async def bomb(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        writer.write(head.encode() + packed)
        await writer.drain()

    async with server(bomb) as port, guarded_client(allow_private=True) as client:
        with pytest.raises(CompressedAnswer):
            await fetch(client, "GET", f"http://127.0.0.1:{port}/")


async def test_a_slow_body_ends_at_the_deadline() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):  # each byte comes before any read time-out
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with server(drip) as port, guarded_client(allow_private=True) as client:
        started = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable, match="within 0.5 s"):
            await fetch(client, "GET", f"http://127.0.0.1:{port}/", deadline=0.5)
        assert asyncio.get_running_loop().time() - started < 30, "the whole body would take fifty seconds"


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with server(HELLO) as port, guarded_client(allow_private=True) as client:
        assert (await fetch(client, "GET", f"http://127.0.0.1:{port}/")).text == "hello"


async def test_nobody_there_is_one_sentence() -> None:
    async with guarded_client(allow_private=True) as client:
        with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:9/ does not answer: "):
            await fetch(client, "GET", "http://127.0.0.1:9/")
        with pytest.raises(Unavailable, match="does not resolve"):
            await fetch(client, "GET", "http://nowhere.invalid/", deadline=120)
