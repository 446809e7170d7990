"""What keeps an instance from starting is told in one line, and nothing is left running."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from countersign.stack import instance as module
from countersign.stack.errors import DiskFull
from countersign.stack.home import Home
from countersign.stack.instance import check_room
from countersign.stack.postgres import Postgres
from tests.stack.instance import Instance, call, holding, left

OTHERS = {"model": "scripted:demo", "embedder": "openai:e", "embedder_url": "http://127.0.0.1:9/v1"}
BWRAP = ("bwrap", "--dev-bind", "/", "/")


def may_mount() -> bool:
    """Whether bubblewrap may make a mount here."""
    if shutil.which("bwrap") is None:
        return False
    return subprocess.run([*BWRAP, "--size", "1000000", "--tmpfs", "/mnt", "true"], check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not may_mount(), reason="bubblewrap is missing or may not mount here")


def refused(home: Path, *words: str, wrapper: tuple[str, ...] = (), **settings: str) -> str:
    """The one line that ``up`` says before it ends with exit code 1."""
    it = Instance(home, *words, wrapper=wrapper, **settings).launch()
    assert it.ended() == 1, it.said
    assert it.output.read_text() == ""
    assert "Traceback" not in it.said
    assert it.said.count("\n") == 1, it.said
    survivors = [process for process in psutil.process_iter() if str(home) in " ".join(words_of(process))]
    assert left(survivors, 60) == []
    return it.said


def words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_port_that_is_taken(home_path: Path) -> None:
    with holding() as port:
        said = refused(home_path, "--port", str(port))
    assert said == f"Error: Port {port} is in use by another program. Choose another one with --port.\n"
    assert not home_path.exists()


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("mine")
    said = refused(home, "--port", "0")
    assert "Choose another home with --home" in said and home.read_text() == "mine"


def test_an_address_that_is_not_ours(home_path: Path) -> None:
    assert "Cannot listen on 192.0.2.1" in refused(home_path, host="192.0.2.1")


def test_a_setting_that_makes_no_sense(home_path: Path) -> None:
    said = refused(home_path, pool_size="many")
    assert "COUNTERSIGN_POOL_SIZE" in said


def test_configured_services_that_do_not_answer(home_path: Path) -> None:
    with holding(listening=False) as closed, holding() as port:
        nowhere = f"127.0.0.1:{closed}"
        unknown = {"database_url": f"postgresql://user@{nowhere}/x", "redis_url": f"redis://{nowhere}/0"}
        said = refused(home_path, **unknown, **OTHERS)
        assert f"Nothing answers at redis://{nowhere}/0. Start that server, correct COUNTERSIGN_REDIS_URL" in said
        known = {"database_url": f"postgresql://user@{nowhere}/x", "redis_url": f"redis://127.0.0.1:{port}/0"}
        assert "PostgreSQL does not answer: " in refused(home_path, **known, **OTHERS)


def test_data_of_another_postgres(home_path: Path) -> None:
    home = Home(home_path)
    home.prepare()
    home.postgres.mkdir()
    (home.postgres / "PG_VERSION").write_text("17\n")
    said = refused(home_path)
    assert f"{home.postgres} was written by PostgreSQL 17, and this is PostgreSQL 18" in said
    assert sorted(entry.name for entry in home.postgres.iterdir()) == ["PG_VERSION"]


def test_a_home_below_a_file(home_path: Path) -> None:
    home_path.write_text("not a directory")
    done = call("up", "--port", "0", "--home", home_path / "inside")
    assert done.returncode == 1
    assert "Not a directory" in done.stderr
    assert done.stderr.count("\n") == 1


@needs_mounts
def test_a_read_only_home(home_path: Path) -> None:
    home_path.mkdir()
    said = refused(home_path, wrapper=(*BWRAP, "--ro-bind", str(home_path), str(home_path)))
    assert "cannot be written: Read-only file system. Choose another home with --home or COUNTERSIGN_HOME." in said


@needs_mounts
def test_a_disk_without_room(home_path: Path) -> None:
    home_path.mkdir()
    said = refused(home_path, wrapper=(*BWRAP, "--size", "30000000", "--tmpfs", str(home_path)))
    assert f"The disk that holds {home_path} has " in said
    assert "Free some space" in said


@needs_mounts
def test_a_disk_that_fills_while_postgres_starts(home_path: Path, tmp_path: Path) -> None:
    """The room is looked at first; here that look is skipped."""
    home_path.mkdir()
    script = tmp_path / "fill.py"
    script.write_text(
        "import asyncio, sys; from pathlib import Path; from countersign.stack.errors import DiskFull\n"
        "from countersign.stack.postgres import Postgres\n"
        "try: asyncio.run(Postgres(Path(sys.argv[1])).start())\n"
        "except DiskFull as error: print(error.detail)\n"
    )
    python = sys.executable
    words = [*BWRAP, "--size", "30000000", "--tmpfs", str(home_path), python, str(script), str(home_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout == (
        f"The disk that holds {home_path} is full. Free some space, then run `countersign up` again.\n"
    ), done.stderr


def test_how_much_room_is_needed(home_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(home_path)
    home.prepare()
    check_room(home, first=True)
    monkeypatch.setattr(module, "ROOM_FIRST", 10**18)
    check_room(home, first=False)
    with pytest.raises(DiskFull, match="MB left, 1000000000000 MB are needed"):
        check_room(home, first=True)


def test_the_last_words_of_a_service_may_mean_a_full_disk(home_path: Path) -> None:
    server = Postgres(home_path)
    server.home.prepare()

    class Said:
        def output(self) -> str:
            return 'FATAL:  could not write lock file "postmaster.pid": No space left on device\n'

    server.process = Said()  # type: ignore[assignment]
    assert isinstance(server.failure("stopped while starting"), DiskFull)


def test_status_of_nothing(home_path: Path) -> None:
    done = call("status", "--home", home_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"No instance runs on {home_path}. Start one with `countersign up`.\n"
    assert call("status", "--json", "--home", home_path).stdout == '{"services":{}}\n'
    assert not home_path.exists()
