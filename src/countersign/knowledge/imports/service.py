"""Imports: asked for, listed, cancelled, undone; what was refused; mappings by name. The work itself is in ``jobs``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from ...kernel import jobs, sql
from ...kernel.access import Caller
from ...kernel.audit import audit
from ...kernel.database import Database, Row, Tx
from ...kernel.jobs import JobId
from ...kernel.json import dumps
from ..tables import service as tables
from . import files
from .mapping import guess, parse, written
from .models import File, FileGone, Import, Mapping, NoSuchImport, NoSuchMapping, NothingKept, NotRunning, NotUndoable
from .models import Saved as Saved
from .records import Found
from .targets import OUVRAGES as INTO_OUVRAGES
from .targets import Target, of_table

queries = sql.load(__package__ or "")

RUN = "imports.run"
UNDO = "imports.undo"
OUVRAGES = "ouvrages"
AT_ONCE = 1000


async def target(tx: Tx, name: str) -> Target:
    """Where rows may go: ouvrages, or a table of users. Raises ``NoSuchTable``."""
    return INTO_OUVRAGES if name == OUVRAGES else of_table(await tables.table(tx, name))


def may_fill(caller: Caller, table: str) -> None:
    """A table of users is filled by who may change it. Raises ``Forbidden``."""
    if table != OUVRAGES and caller.user_id is not None:
        caller.require("tables.manage")


async def begin(
    tx: Tx, file: File, mapping: Mapping, *, table: str = OUVRAGES, dry_run: bool = False, tags: tuple[str, ...] = ()
) -> int:
    """An import of *file* that a job will do, or a dry run of it; returns its number.

    Raises ``FileGone``, ``NoSuchTable``, ``Forbidden``.
    """
    if tx.caller is not None:
        may_fill(tx.caller, table)
    if not file.kept:
        raise FileGone()
    into = await target(tx, table)
    import_id = await tx.value(
        queries.add_import, file=file.id, target=into.name, mapping=dumps(written(mapping)), dry_run=dry_run
    )
    job = await jobs.enqueue(tx, RUN, import_id=import_id)
    await tx.run(queries.await_job, id=import_id, job=job)
    new = {"file": file.name, "table": table, "dry_run": dry_run}
    await audit(tx, "create", "import", import_id, new=new, tags=tags)
    return import_id


async def imports(tx: Tx, *, before: int | None = None, limit: int = 50) -> list[Import]:
    """The newest first; *before* a number."""
    return await tx.all(Import, queries.imports, id=None, before=before, limit=limit)


async def one(tx: Tx, import_id: int) -> Import:
    """Raises ``NoSuchImport``."""
    found = await tx.first(Import, queries.imports, id=import_id, before=None, limit=1)
    if found is None:
        raise NoSuchImport()
    return found


async def run_dry(tx: Tx, import_id: int, *, tags: tuple[str, ...] = ()) -> int:
    """The import that a dry run described; returns its number. Raises ``NoSuchImport``, ``FileGone``."""
    dry = await one(tx, import_id)
    if dry.file_id is None or not dry.dry_run:
        raise NoSuchImport("This is no dry run.")
    file = await files.by_id(tx, dry.file_id)
    mapping = parse(dry.mapping, await target(tx, dry.target_table))
    return await begin(tx, file, mapping, table=dry.target_table, tags=tags)


async def cancel(tx: Tx, import_id: int) -> None:
    """Ends an import that is going on; nothing of it stays. Raises ``NoSuchImport``, ``NotRunning``."""
    found = await one(tx, import_id)
    if not found.going or found.job_id is None:
        raise NotRunning()
    await jobs.cancel(tx, JobId(found.job_id))  # the job's end is the import's
    await audit(tx, "cancel", "import", import_id)


async def undo(tx: Tx, import_id: int) -> None:
    """A job will take the import back, or say on it why that is not possible.

    Raises ``NoSuchImport``, ``NotUndoable``, ``NoSuchTable``, ``Forbidden``.
    """
    found = await tx.first(Row, queries.lock_import, id=import_id)
    if found is None:
        raise NoSuchImport()
    if found["status"] != "completed" or found["dry_run"]:
        raise NotUndoable()
    into = await target(tx, found["target_table"])
    if into.table is not None:
        if tx.caller is not None:
            may_fill(tx.caller, into.name)
        if (await tx.one(Row, queries.ends_of_changes, id=import_id, table=into.table.id))["first"] is None:
            raise NothingKept()
    if found["phase"] == "undoing":
        raise NotUndoable("This import is being undone already.")
    job = await jobs.enqueue(tx, UNDO, import_id=import_id)
    await tx.run(queries.ask_undo, id=import_id, job=job)


# -- what was refused


async def refused(tx: Tx, import_id: int, *, after: int = 0, limit: int = 100) -> list[Row]:
    """Refused rows in order: ``row_number error data``."""
    return await tx.all(Row, queries.errors, id=import_id, after=after, limit=limit)


async def reasons(tx: Tx, import_id: int) -> list[Row]:
    """Why rows were refused, most frequent first: ``reason rows first``."""
    return await tx.all(Row, queries.error_reasons, id=import_id)


async def every_refused(db: Database, caller: Caller, import_id: int) -> AsyncIterator[list[Row]]:
    """All refused rows, some at a time."""
    last = 0
    while True:
        async with db.transaction(caller, read_only=True) as tx:
            found = await refused(tx, import_id, after=last, limit=AT_ONCE)
        if found:
            yield found
            last = found[-1]["row_number"]
        if len(found) < AT_ONCE:
            return


# -- mappings


async def proposed(tx: Tx, found: Found, table: str = OUVRAGES) -> Mapping:
    """A saved mapping for these columns, that of their last import, or a guess. Raises ``BadMapping``."""
    into = await target(tx, table)
    for each in await mappings(tx, table=table, names=found.names):
        return parse(each.mapping, into)
    last = await tx.value(queries.last_mapping, target=table, names=list(found.names))
    return parse(last, into) if last else guess(found.names, into, found.sample)


async def mappings(
    tx: Tx, *, name: str | None = None, table: str | None = None, names: Sequence[str] | None = None
) -> list[Saved]:
    """Mappings by name, the latest first; those of a target, or made for a file with these columns."""
    wanted = None if names is None else list(names)
    return await tx.all(Saved, queries.mappings, name=name, target=table, names=wanted)


async def mapping_named(tx: Tx, name: str) -> Saved:
    """Raises ``NoSuchMapping``."""
    for found in await mappings(tx, name=name):
        return found
    raise NoSuchMapping()


async def save_mapping(tx: Tx, name: str, mapping: Mapping, names: Sequence[str], table: str = OUVRAGES) -> Saved:
    """Keeps *mapping* under *name*, in place of the one that had it."""
    said, into = written(mapping), await target(tx, table)
    saved = await tx.value(queries.save_mapping, name=name, target=into.name, names=list(names), mapping=dumps(said))
    await audit(tx, "update", "import_mapping", saved, new={"name": name, "mapping": said})
    return await mapping_named(tx, name)


async def drop_mapping(tx: Tx, name: str) -> None:
    """Raises ``NoSuchMapping``."""
    gone = await tx.value(queries.drop_mapping, name=name)
    if gone is None:
        raise NoSuchMapping()
    await audit(tx, "delete", "import_mapping", gone, old={"name": name})
