"""A child process ends when it is told to, with all that it has started, and never outlives its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from countersign.stack.errors import HomeNotWritable, StackError
from countersign.stack.process import Process, environment, rotate

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
WITH_CHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)",
]


async def said(process: Process) -> str:
    """Its first line, whole: a line and its end can be written one after the other."""
    while not (words := process.output()).endswith("\n"):
        await asyncio.sleep(0.01)
    return words


async def test_stop_ends_the_process_and_what_it_started(tmp_path: Path) -> None:
    process = Process(WITH_CHILD, tmp_path / "log")
    grandchild = psutil.Process(int(await said(process)))
    await process.stop(60)
    assert process.returncode == -signal.SIGTERM
    psutil.wait_procs([grandchild], timeout=60)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


async def test_one_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    process = Process([sys.executable, "-c", deaf], tmp_path / "log")
    assert await said(process) == "deaf\n"
    await process.stop(0.2)
    assert process.returncode == -signal.SIGKILL


async def test_exit_code_and_last_words(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", "import sys; sys.exit('no luck')"], tmp_path / "log")
    assert await process.wait(120) == 1
    assert process.output().strip() == "no luck"


async def test_output_is_only_that_of_this_run(tmp_path: Path) -> None:
    for word in ("first", "second"):
        process = Process(["echo", word], tmp_path / "log")
        await process.wait(120)
    assert process.output() == "second\n"
    assert (tmp_path / "log").read_text() == "first\nsecond\n"


async def test_waiting_too_long_is_an_error(tmp_path: Path) -> None:
    process = Process(SLEEP, tmp_path / "log")
    with pytest.raises(StackError, match="did not end"):
        await process.wait(0.05)
    await process.stop(5)


async def test_a_program_that_does_not_exist_says_so_in_its_log(tmp_path: Path) -> None:
    process = Process([tmp_path / "missing"], tmp_path / "log")
    assert await process.wait(120) == 1
    assert "No such file" in process.output()


def test_a_log_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError):
        Process(SLEEP, tmp_path / "file" / "log")
    assert issubclass(HomeNotWritable, StackError)


def test_a_killed_parent_takes_its_child_with_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from countersign.stack.process import Process;"
        f"p = Process({SLEEP!r}, Path({str(tmp_path / 'log')!r})); print(p.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = psutil.Process(int(parent.stdout.readline()))
    while child.cmdline() != SLEEP:
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([child], timeout=60)
    assert not alive


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    from countersign.stack import tether

    argv = [sys.executable, "-I", "-S", tether.__file__, "1", "9", "-1", "-1", "echo", "too late"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""


def test_settings_are_not_handed_down_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", "secret")
    monkeypatch.setenv("OTHER", "kept")
    given = environment({"COUNTERSIGN_PORT": "8001"})
    assert "COUNTERSIGN_SECRET_KEY" not in given
    assert given["COUNTERSIGN_PORT"] == "8001"
    assert given["OTHER"] == "kept"
    assert os.environ["COUNTERSIGN_SECRET_KEY"] == "secret"


def test_a_long_log_is_cut_and_its_end_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab") as writer:
        writer.write(b"old" + b"x" * 1000)
        writer.flush()
        rotate(log, limit=100)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "log.1").read_bytes() == b"x" * 100
    rotate(log, limit=100)
    rotate(tmp_path / "missing", limit=100)
    assert log.read_bytes() == b"new"
