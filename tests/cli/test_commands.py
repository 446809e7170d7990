"""The command line: found by its files, quick to answer, the same manners everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from countersign.cli import FIRST, app
from tests.stack.instance import call, command, environment

runner = CliRunner()
HEAVY = {"fastapi", "langchain_core", "celery", "psycopg", "pydantic", "numpy", "rich.markdown"}


def names() -> list[str]:
    """Every command and group, as the help page lists them."""
    lines = runner.invoke(app, ["--help"]).stdout.split("Commands:")[1].splitlines()
    return [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]


def test_first_steps_come_first() -> None:
    assert tuple(names()[: len(FIRST)]) == FIRST
    assert names()[len(FIRST) :] == sorted(names()[len(FIRST) :])


@pytest.mark.parametrize("name", names())
def test_every_command_explains_itself(name: str) -> None:
    shown = runner.invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.stdout
    assert len(shown.stdout.splitlines()) > 5


@pytest.mark.parametrize("name", ["up", "status", "doctor", "migrate"])
def test_every_command_takes_a_home(name: str) -> None:
    assert "--home" in runner.invoke(app, [name, "--help"]).stdout


def test_no_command_is_an_error_with_help() -> None:
    done = call()
    assert done.returncode == 2
    assert "Commands:" in done.stdout + done.stderr
    unknown = call("frobnicate")
    assert unknown.returncode == 2
    assert "No such command 'frobnicate'" in unknown.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from countersign.cli import app\n"
        "try: app(['--help'], prog_name='countersign')\n"
        "except SystemExit: pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stderr.split()) == set()


def test_help_answers_at_once() -> None:
    """The best of five, in seconds of processor: 0.3 at most."""
    used: list[float] = []
    for _ in range(5):
        before = os.times()
        subprocess.run(command("--help"), capture_output=True, env=environment(), check=True)
        after = os.times()
        used.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(used) < 0.3, used


def test_the_home_may_come_from_the_environment(tmp_path: Path) -> None:
    done = call("status", home=str(tmp_path / "here"))
    assert done.returncode == 3
    assert str(tmp_path / "here") in done.stderr


def test_a_bad_setting_is_one_line(tmp_path: Path) -> None:
    for name in ("migrate", "doctor", "status"):
        done = call(name, home=str(tmp_path), pool_size="many")
        assert done.returncode == 1, name
        assert done.stderr.startswith("Error: COUNTERSIGN_POOL_SIZE: ")
        assert done.stderr.count("\n") == 1


def test_without_an_instance(tmp_path: Path) -> None:
    migrate = call("migrate", "--home", tmp_path)
    assert migrate.returncode == 1
    assert migrate.stderr.startswith(f"Error: No instance runs in {tmp_path}")
    doctor = call("doctor", "--json", "--home", tmp_path)
    assert doctor.returncode == 1
    found = {check["name"]: check for check in json.loads(doctor.stdout)}
    assert found["PostgreSQL"]["state"] == found["Redis"]["state"] == "fail"
    assert all(check["fix"] for check in found.values() if check["state"] == "fail")
