"""Connector secrets at rest: sealed with a key from the environment (or the home), never logged, never audited."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from . import sql
from .database import Tx
from .errors import CountersignError, NotFound
from .settings import Settings

queries = sql.load(__package__ or "")


class NoKey(CountersignError):
    """Secrets need a key: set COUNTERSIGN_SECRET_KEY to a long random text and keep it safe."""


class WrongKey(CountersignError):
    """This secret was sealed with another COUNTERSIGN_SECRET_KEY. Restore that key, or enter the secret again."""


class Vault:
    """Seals and opens texts. ``secret_key`` may hold several keys, comma-separated: the first seals, all open."""

    def __init__(self, settings: Settings) -> None:
        self._keys = [_fernet(key) for key in _keys(settings)]

    @property
    def key_id(self) -> str:
        """Which key seals now: a short public name."""
        return self._keys[0][0]

    def seal(self, plain: str) -> bytes:
        """Ciphertext of *plain* (authenticated)."""
        return self._keys[0][1].encrypt(plain.encode())

    def open(self, ciphertext: bytes) -> str:
        """The text again. Raises ``WrongKey``."""
        for _, key in self._keys:
            try:
                return key.decrypt(bytes(ciphertext)).decode()
            except InvalidToken:
                continue
        raise WrongKey()

    async def put(self, tx: Tx, name: str, plain: str) -> None:
        """Stores *plain* sealed under *name* for the caller's tenant."""
        await tx.run(queries.put_secret, name=name, ciphertext=self.seal(plain), key_id=self.key_id)

    async def get(self, tx: Tx, name: str) -> str:
        """The secret *name*. Raises ``NotFound``, ``WrongKey``."""
        ciphertext = await tx.value(queries.get_secret, name=name)
        if ciphertext is None:
            raise NotFound(f"No secret is named {name}.")
        return self.open(ciphertext)


def _keys(settings: Settings) -> list[str]:
    if settings.secret_key:
        return [key for key in settings.secret_key.get_secret_value().split(",") if key]
    try:
        return [(settings.home / "secret.key").read_text().strip()]
    except OSError as error:
        raise NoKey() from error


def _fernet(key: str) -> tuple[str, Fernet]:
    digest = hashlib.sha256(key.encode()).digest()
    return hashlib.sha256(digest).hexdigest()[:8], Fernet(base64.urlsafe_b64encode(digest))
