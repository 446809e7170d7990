"""The home: private, locked by one, honest about who runs there."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from countersign.stack.errors import AlreadyRunning, DiskFull, HomeNotWritable, StackError, explain
from countersign.stack.home import LONGEST_SOCKET, SOCKET_LIMIT, Home, free_port


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directories_are_private(home: Home) -> None:
    for directory in (home.path, home.run, home.logs, home.valkey):
        assert mode(directory) == 0o700
    home.prepare()  # and again


def test_the_key_is_made_once_and_private(home: Home) -> None:
    key = home.secret_key()
    assert len(key) >= 32
    assert home.secret_key() == key
    assert mode(home.key_file) == 0o600


def test_one_process_holds_the_home(home: Home) -> None:
    script = (
        "import sys; from pathlib import Path; from countersign.stack.home import Home\n"
        f"with Home(Path({str(home.path)!r})).locked(): print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout
    assert other.stdin
    assert other.stdout.readline() == "held\n"
    assert home.is_locked()
    with pytest.raises(AlreadyRunning, match=f"still starting .process {other.pid}, home {home.path}"), home.locked():
        pass
    home.announce({"services": {"web": {"url": "http://127.0.0.1:8123"}}})
    with pytest.raises(AlreadyRunning, match="at http://127.0.0.1:8123"), home.locked():
        pass
    assert AlreadyRunning.exit_code == 3
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    with home.locked():  # a killed holder lets go
        assert home.is_locked()
    assert not home.is_locked()


def test_what_a_dead_instance_left_is_not_believed(home: Home) -> None:
    home.announce({"services": {"web": {"url": "http://127.0.0.1:1"}}})
    assert home.running() == {}
    with home.locked():
        assert home.running()["services"]["web"]["url"] == "http://127.0.0.1:1"
        home.withdraw()
        assert home.running() == {}


def test_announcements_are_whole_and_private(home: Home) -> None:
    for number in range(3):
        home.announce({"number": number})
        assert json.loads(home.services_file.read_text()) == {"number": number}
        assert mode(home.services_file) == 0o600


def test_sockets_are_in_the_home_when_the_path_is_short(tmp_path: Path) -> None:
    home = Home(Path("/tmp") / f"cs{os.getpid()}")
    home.prepare()
    try:
        assert home.sockets() == home.run
    finally:
        subprocess.run(["rm", "-r", home.path], check=True)


def test_sockets_move_when_the_path_is_too_long(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 40))
    home.prepare()
    sockets = home.sockets()
    assert len(os.fsencode(sockets)) + LONGEST_SOCKET <= SOCKET_LIMIT
    assert mode(sockets) == 0o700
    assert home.sockets() == sockets
    (sockets / "postgres").mkdir()
    (sockets / "postgres" / ".s.PGSQL.5432").touch()
    home.forget_sockets()
    assert not sockets.exists()
    again = home.sockets()
    assert again != sockets
    home.forget_sockets()
    home.forget_sockets()


def test_somebody_elses_socket_directory_is_not_used(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 40))
    home.prepare()
    trap = tmp_path / "trap"
    trap.mkdir()
    trap.chmod(0o777)
    (home.run / "sockets").symlink_to(trap)
    assert home.sockets() != trap
    home.forget_sockets()


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    """As an ordinary user, whoever runs the tests: root may write everywhere."""
    tmp_path.chmod(0o555)
    if os.geteuid() != 0:
        with pytest.raises(HomeNotWritable, match="Permission denied.*--home"):
            Home(tmp_path / "home").prepare()
        return
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            Home(tmp_path / "home").prepare()
        except HomeNotWritable as error:
            os._exit(0 if "--home" in error.detail else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, DiskFull, "is full. Free some space"),
        (errno.EDQUOT, DiskFull, "is full. Free some space"),
        (errno.EROFS, HomeNotWritable, "cannot be written: Read-only file system"),
        (errno.EACCES, HomeNotWritable, "cannot be written: Permission denied"),
        (errno.EIO, StackError, "Input/output error"),
    ],
)
def test_errors_of_the_system_say_what_to_do(number: int, kind: type[StackError], words: str) -> None:
    error = explain(OSError(number, os.strerror(number)), Path("/somewhere"))
    assert type(error) is kind
    assert words in error.detail
    assert "/somewhere" in error.detail
    assert "\n" not in error.detail


def test_free_ports_are_free() -> None:
    assert 1024 <= free_port() <= 65535
