"""What can go wrong while the stack starts, each as one line that says what to do next."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import ClassVar

from ..kernel.errors import CountersignError

FULL = (errno.ENOSPC, errno.EDQUOT)
UNUSABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)
# What PostgreSQL, Valkey and the C library say when nothing more can be written.
FULL_WORDS = ("no space left on device", "disk quota exceeded", "file too large")


class StackError(CountersignError):
    """A part of the stack could not start."""

    exit_code: ClassVar[int] = 1


class ServiceFailed(StackError):
    """A service stopped or did not answer in time while it started."""


class DiskFull(StackError):
    """The disk of the home is full. Free some space, then run `countersign up` again."""


class HomeNotWritable(StackError):
    """The home cannot be written. Choose another one with --home or COUNTERSIGN_HOME."""


class PortTaken(StackError):
    """The port is in use by another program. Choose another one with --port."""


class WrongPostgres(StackError):
    """The data was written by another PostgreSQL version."""


class AlreadyRunning(StackError):
    """An instance runs on this home already."""

    exit_code = 3


class PackageMissing(StackError):
    """A package of the embedded stack is not installed."""


def explain(error: OSError, path: Path) -> StackError:
    """The error of ours that says what *error*, met while writing below *path*, means."""
    reason = error.strerror or str(error)
    if error.errno in FULL:
        return disk_full(path)
    if error.errno in UNUSABLE:
        where = error.filename or path
        return HomeNotWritable(
            f"{where} cannot be written: {reason}. Choose another home with --home or COUNTERSIGN_HOME."
        )
    return StackError(f"{error.filename or path}: {reason}.")


def disk_full(path: Path) -> DiskFull:
    """The error for a full disk below *path*."""
    return DiskFull(f"The disk that holds {path} is full. Free some space, then run `countersign up` again.")


def says_full(text: str) -> bool:
    """Whether the last words of a service mean a full disk."""
    lower = text.lower()
    return any(words in lower for words in FULL_WORDS)
