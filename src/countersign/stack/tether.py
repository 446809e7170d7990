"""Runs a command that dies with its parent: ``python -I -S tether.py PARENT SIGNAL UID GID command…``.

The kernel sends SIGNAL to the command when the process that started it ends, however it ends. Changing the user
clears that wish, so the user is changed first; the parent may have ended before the wish was made, so it is looked
at afterwards. Nothing of the product is imported: this runs before every service, in about 20 ms.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(signal: int, parent: int) -> None:
    """Asks the kernel for *signal* when the parent ends; exits at once when *parent* has ended already."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def main(argv: list[str]) -> None:
    """Becomes the command of *argv*; UID -1 keeps the user."""
    parent, signal, uid, gid = (int(value) for value in argv[:4])
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    die_with_parent(signal, parent)
    os.execvp(argv[4], argv[4:])  # a failure prints its reason into the service's log


if __name__ == "__main__":
    main(sys.argv[1:])
