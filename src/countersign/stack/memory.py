"""How much memory a part holds: its process and everything that it has started."""

from __future__ import annotations

import psutil


def family(pid: int) -> list[psutil.Process]:
    """The process *pid* and its descendants; empty when it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def resident(pid: int, *, descendants: bool = False) -> int:
    """Resident bytes of *pid*, with *descendants* of its whole family (what they share is then counted repeatedly)."""
    total = 0
    for process in family(pid) if descendants else family(pid)[:1]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
