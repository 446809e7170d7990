"""PostgreSQL refuses to run as root. As root it runs as a system user of its own, who may pass, not read."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import struct
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import StackError, explain

NAME = "countersign-db"
ACL = "system.posix_acl_access"
USER_OBJ, USER, GROUP_OBJ, MASK, OTHER, NOBODY = 0x01, 0x02, 0x04, 0x10, 0x20, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class SystemUser:
    """A user of the operating system by number."""

    name: str
    uid: int
    gid: int


def database_user(data: Path) -> SystemUser | None:
    """None for an ordinary user; as root the owner of *data*, or a user of our own, made when there is none."""
    if os.geteuid() != 0:
        return None
    with suppress(FileNotFoundError):
        owner = data.stat()
        if owner.st_uid != 0:
            return SystemUser(data.owner(), owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _create()
        entry = pwd.getpwnam(NAME)
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create() -> None:
    command = [shutil.which("useradd") or "/usr/sbin/useradd", "--system", "--user-group", "--no-create-home"]
    command += ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", NAME]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise StackError(f"PostgreSQL cannot run as root: create a system user {NAME}, or start as a user.") from error
    # Two instances may start at once; code 9 says that the other one was first.
    if done.returncode not in (0, 9):
        raise StackError(f"PostgreSQL cannot run as root, and useradd failed: {done.stderr.strip()}")


def let_through(user: SystemUser | None, path: Path) -> None:
    """Lets *user* walk (not list) every directory above *path*; only those that refuse are touched.

    An entry for this one user in the access control list; where the file system has none, the right for all to pass.
    """
    if user is None:
        return
    for directory in reversed(path.resolve().parents):
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH and directory.stat().st_uid != user.uid:
            try:
                _allow(directory, user.uid, mode)
            except OSError as error:
                raise explain(error, directory) from error


def _allow(directory: Path, uid: int, mode: int) -> None:
    try:
        entries = _read_acl(directory, mode)
    except OSError:
        directory.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
        return
    group = next(perm for tag, perm, _ in entries if tag == GROUP_OBJ)
    named = [e for e in entries if e[0] == USER and e[2] != uid] + [(USER, 1, uid)]
    rest = [e for e in entries if e[0] not in (USER, MASK)]
    mask = next((perm for tag, perm, _ in entries if tag == MASK), group)
    wanted = sorted([*rest, *named, (MASK, mask | 1, NOBODY)])
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in wanted)
    try:
        os.setxattr(directory, ACL, packed)
    except OSError:
        directory.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _read_acl(directory: Path, mode: int) -> list[tuple[int, int, int]]:
    """``(tag, permission, id)`` entries; those of the plain mode where no list is kept. Raises OSError without ACLs."""
    if ACL in os.listxattr(directory):
        return list(struct.iter_unpack("<HHI", os.getxattr(directory, ACL)[4:]))
    plain = ((USER_OBJ, mode >> 6), (GROUP_OBJ, mode >> 3), (OTHER, mode))
    return [(tag, bits & 7, NOBODY) for tag, bits in plain]
