"""PostgreSQL: a pool, transactions that know their caller, rows as dataclasses.

A transaction is short and never spans a network call. The caller's tenant and user are set inside it, so that
row-level security, triggers and audit see them; without a caller no tenant row is visible.
"""

from __future__ import annotations

import inspect
import select
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from functools import cache
from typing import Any, Self, TypeAlias, TypeVar, get_origin

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import dict_row, scalar_row
from psycopg.types.json import set_json_dumps
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from . import json as wire
from .access import Caller
from .bell import Bell
from .errors import CountersignError, NotFound, OutOfRange, Raised, Unavailable, UnreadableText
from .sql import Statement

T = TypeVar("T")
Row: TypeAlias = dict[str, Any]  # a free row, by column name
AfterCommit = Callable[[], Awaitable[None] | None]

APP_ROLE = "countersign_app"
# In one round trip, which takes no parameters: what is filled in are our own words and numbers.
BEGIN = "BEGIN {mode}; SET LOCAL countersign.tenant_id = '{tenant}'; SET LOCAL countersign.user_id = '{user}'"
CALLER = (
    "SELECT set_config('countersign.tenant_id', '{tenant}', true), set_config('countersign.user_id', '{user}', true)"
)
BRIEF = "; SET LOCAL statement_timeout = 2000; SET LOCAL plan_cache_mode = force_generic_plan"

set_json_dumps(wire.dumps)


def _row_factory(cls: type[T]) -> Any:
    """Rows as *cls*: a dataclass whose fields are exactly the columns, or ``Row``."""
    if cls is dict or get_origin(cls) is dict:
        return dict_row
    names = _field_names(cls)

    def factory(cursor: AsyncCursor[Any]) -> Callable[[Any], T]:
        columns = _columns(cursor)
        if columns == names:
            return lambda values: cls(*values)
        if set(columns) != set(names) and columns:
            raise TypeError(f"{cls.__name__} wants {sorted(names)}, the statement returns {sorted(columns)}")
        return lambda values: cls(**dict(zip(columns, values, strict=True)))

    return factory


@cache
def _field_names(cls: type[Any]) -> list[str]:
    return [f.name for f in fields(cls)]


def _columns(cursor: AsyncCursor[Any]) -> list[str]:
    """Names of what a statement returns; ``cursor.description`` would make an object of each."""
    result = cursor.pgresult
    names = [result.fname(place) for place in range(result.nfields)] if result else []
    return [name.decode() for name in names if name is not None]


class Tx:
    """One open transaction. Statements are named, parameters are keywords."""

    def __init__(self, connection: AsyncConnection[Any], caller: Caller | None) -> None:
        self.connection = connection
        self.caller = caller
        self.statements = 0
        self.bell: Bell | None = None
        self._after: list[AfterCommit] = []

    async def _execute(self, cursor: AsyncCursor[Any], statement: Statement | str, params: dict[str, Any]) -> None:
        self.statements += 1
        try:
            await cursor.execute(_encoded(statement), params or None)
        except UnicodeEncodeError as error:
            raise UnreadableText() from error

    async def all(self, cls: type[T], statement: Statement | str, **params: Any) -> list[T]:
        """Every row, as *cls*."""
        async with self.connection.cursor(row_factory=_row_factory(cls)) as cursor:
            await self._execute(cursor, statement, params)
            return await cursor.fetchall()

    async def first(self, cls: type[T], statement: Statement | str, **params: Any) -> T | None:
        """The first row as *cls*, or None."""
        async with self.connection.cursor(row_factory=_row_factory(cls)) as cursor:
            await self._execute(cursor, statement, params)
            return await cursor.fetchone()

    async def one(self, cls: type[T], statement: Statement | str, **params: Any) -> T:
        """The first row as *cls*. Raises ``NotFound`` when there is none."""
        row = await self.first(cls, statement, **params)
        if row is None:
            raise NotFound()
        return row

    async def value(self, statement: Statement | str, **params: Any) -> Any:
        """First column of the first row, or None."""
        async with self.connection.cursor(row_factory=scalar_row) as cursor:
            await self._execute(cursor, statement, params)
            return await cursor.fetchone() if cursor.description else None

    async def run(self, statement: Statement | str, **params: Any) -> int:
        """Executes; returns the number of rows touched."""
        async with self.connection.cursor() as cursor:
            await self._execute(cursor, statement, params)
            return cursor.rowcount

    async def stream(
        self, cls: type[T], statement: Statement | str, size: int = 1000, **params: Any
    ) -> AsyncIterator[T]:
        """Rows one by one through a server-side cursor: memory stays flat."""
        self.statements += 1
        async with self.connection.cursor(name="stream", row_factory=_row_factory(cls)) as cursor:
            cursor.itersize = size
            await cursor.execute(_encoded(statement), params or None)
            async for row in cursor:
                yield row

    @asynccontextmanager
    async def copy(self, statement: Statement | str) -> AsyncIterator[psycopg.AsyncCopy]:
        """``COPY … FROM STDIN`` or ``TO STDOUT``."""
        self.statements += 1
        async with self.connection.cursor() as cursor, cursor.copy(_encoded(statement)) as copy:
            yield copy

    def after_commit(self, callback: AfterCommit) -> None:
        """Call *callback* once the commit has succeeded: doorbells, news. It may be async."""
        self._after.append(callback)

    async def fire(self) -> None:
        """Runs what waits for the commit; called by ``Database.transaction``."""
        for callback in self._after:
            done = callback()
            if inspect.isawaitable(done):
                await done


class Database:
    """The pool of one process. ``async with Database(url) as db`` or ``open``/``close``."""

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self.url = url
        self.bell: Bell | None = None
        self.pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=pool_size,
            open=False,
            timeout=10,
            configure=_configure,
            check=_check,
            kwargs={"autocommit": True, "application_name": "countersign"},
        )

    async def open(self) -> Self:
        """Connects. Raises ``Unavailable`` with the reason when PostgreSQL does not answer."""
        try:
            await self.pool.open(wait=True, timeout=10)
        except PoolTimeout as error:
            await self.pool.close()
            raise Unavailable(f"PostgreSQL does not answer: {error}") from error
        return self

    async def close(self) -> None:
        """Gives back every connection."""
        await self.pool.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(
        self, caller: Caller | None, *, read_only: bool = False, brief: bool = False
    ) -> AsyncIterator[Tx]:
        """One transaction of *caller* (None: nobody, who sees no tenant's rows). Errors raised by SQL become ours.

        A *brief* one looks up by key while somebody waits: a statement has two seconds, and is planned once for all
        keys, for planning it anew each time costs more than running it.
        """
        try:
            async with self.pool.connection() as connection:
                tx = Tx(connection, caller)
                tx.bell = self.bell
                mode = "READ ONLY" if read_only else "READ WRITE"
                begin = BEGIN.format(mode=mode, **_names(caller))
                await connection.execute((begin + BRIEF if brief else begin).encode(), prepare=False)
                yield tx
                await connection.commit()  # whatever is raised before it is rolled back by the pool
        except psycopg.Error as error:
            raise _translate(error) from error
        await tx.fire()

    async def read(self, caller: Caller | None, cls: type[T], statement: Statement | str, **params: Any) -> list[T]:
        """Every row of one statement that reads, which is a transaction of *caller* in one round trip instead of three.

        What a search asks takes PostgreSQL less time than the two processes take to wake each other.
        """
        try:
            async with self.pool.connection() as connection, connection.cursor(row_factory=_row_factory(cls)) as cursor:
                async with connection.pipeline():
                    await connection.execute(b"BEGIN READ ONLY", prepare=False)
                    await connection.execute(CALLER.format(**_names(caller)).encode(), prepare=False)
                    await cursor.execute(_encoded(statement), params or None)
                    await connection.execute(b"COMMIT", prepare=False)
                return await cursor.fetchall()
        except UnicodeEncodeError as error:
            raise UnreadableText() from error
        except psycopg.Error as error:
            raise _translate(error) from error

    async def first(self, cls: type[T], statement: Statement | str, **params: Any) -> T | None:
        """The first row of one statement of nobody, which is a transaction by itself: one round trip, not three."""
        try:
            async with self.pool.connection() as connection:
                return await Tx(connection, None).first(cls, statement, **params)
        except psycopg.Error as error:
            raise _translate(error) from error

    async def ping(self) -> str:
        """The server's version. Raises ``Unavailable``."""
        async with self.transaction(None, read_only=True) as tx:
            return str(await tx.value("SHOW server_version"))


def _encoded(statement: Statement | str) -> bytes:
    return (statement if isinstance(statement, str) else statement.text).encode()


def _names(caller: Caller | None) -> dict[str, Any]:
    """Who acts, as it is written into SQL: numbers of our own, or nothing."""
    tenant = int(caller.tenant_id) if caller else ""
    return {"tenant": tenant, "user": int(caller.user_id) if caller and caller.user_id else ""}


async def _configure(connection: AsyncConnection[Any]) -> None:
    """Every connection runs as the role that cannot bypass row-level security, whoever signed in."""
    await connection.execute(f"SET ROLE {APP_ROLE}")
    await connection.execute("SET TIME ZONE 'UTC'")


async def _check(connection: AsyncConnection[Any]) -> None:
    """A connection that PostgreSQL has ended (a restart) is replaced before it is used; a live one costs nothing.

    Nobody waits for anything on an idle connection: what lies there to be read is the end of it.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool.check_connection(connection)


def _translate(error: psycopg.Error) -> CountersignError | psycopg.Error:
    found = Raised.translate(error.sqlstate, error.diag.message_primary or str(error), error.diag.message_detail)
    lost = error.sqlstate in (None, "57P01", "57P02", "57P03")  # ended, crashed, not yet there again
    if found is None and isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and lost:
        return Unavailable("PostgreSQL does not answer, or every connection is in use. Try again in a moment.")
    # What people send may be anything; these three say so. The driver refuses NUL, and dates that Python does not know,
    # without a state.
    if isinstance(error, psycopg.errors.NumericValueOutOfRange | psycopg.errors.DatetimeFieldOverflow):
        return OutOfRange()
    if isinstance(error, psycopg.DataError) and error.sqlstate in (None, "22P05", "22021"):
        unreadable = error.sqlstate is not None or "NUL" in str(error)
        return UnreadableText() if unreadable else OutOfRange()
    return found or error
