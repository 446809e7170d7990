"""Passwords: Argon2id in a thread, a few at a time, and the same work for people who do not exist."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .models import WeakPassword

SHORTEST, LONGEST = 8, 1000
LEGIBLE = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
# 19 MiB and two passes (OWASP's recommendation): about 25 ms, and little memory where many sign in at once.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


async def hashed(password: str) -> str:
    """The Argon2id hash to store. Raises ``WeakPassword``."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword()
    return await asyncio.to_thread(HASHER.hash, _bytes(password))


async def matches(stored: str | None, password: str) -> bool:
    """Whether *password* is the one that *stored* came from; None (no such person) takes as long and is False."""
    return await asyncio.to_thread(_matches, stored, password)


def outdated(stored: str) -> bool:
    """Whether *stored* was made with weaker settings than today's."""
    return HASHER.check_needs_rehash(stored)


def made_up() -> str:
    """A password of 20 letters and digits that cannot be misread (about 115 bits)."""
    return "".join(secrets.choice(LEGIBLE) for _ in range(20))


def _matches(stored: str | None, password: str) -> bool:
    nobody = _nobodys()
    try:
        HASHER.verify(stored or nobody, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def _bytes(password: str) -> bytes:
    """The same bytes whichever keyboard composed the accents; what is too long stays wrong, without the work."""
    return unicodedata.normalize("NFC", password[: LONGEST + 1]).encode("utf-8", "surrogatepass")


@cache
def _nobodys() -> str:
    return HASHER.hash(secrets.token_urlsafe(30))
