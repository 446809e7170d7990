"""``countersign user`` and ``countersign token``: the result on standard output, everything else beside it."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from countersign.accounts import service
from countersign.accounts.who import token_hash
from countersign.kernel.app import App
from countersign.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(settings: Settings, tmp_path: Path):
    """``await run("user", "list", stdin="…")``: the command on the test's database, in a process of its own."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **settings.environment()}

    async def command(*words: str, stdin: str = "") -> Done:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "countersign.cli",
            *words,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin.encode())
        return Done(process.returncode or 0, out.decode(), err.decode())

    return command


async def test_a_user_with_a_given_password(run, house: App) -> None:
    done = await run(
        "user", "create", "--email", "ada@x.example", "--name", "Ada", "--role", "admin", "--role", "validator",
        "--password-stdin", stdin="correct horse\n",
    )  # fmt: skip
    assert (done.code, done.out) == (0, "")
    assert "Created ada@x.example (admin, validator)." in done.err
    assert (await service.sign_in(house, "ada@x.example", "correct horse")).cookie
    listed = await run("user", "list")
    assert listed.out == "ada@x.example\tAda\tadmin, validator\n"
    [seen] = json.loads((await run("user", "list", "--json")).out)
    assert (seen["email"], seen["roles"]) == ("ada@x.example", ["admin", "validator"])


async def test_a_user_with_a_password_that_is_made_up(run, house: App) -> None:
    done = await run("user", "create", "--email", "bob@x.example", "--generate")
    assert done.code == 0
    assert re.fullmatch(r"[a-zA-Z2-9]{20}\n", done.out)
    assert (await service.sign_in(house, "bob@x.example", done.out.strip())).cookie
    again = json.loads((await run("user", "create", "--email", "eve@x.example", "--json")).out)
    assert again["roles"] == ["user"]
    assert len(again["password"]) == 20


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said"),
    [
        (["--email", "ada@x.example"], "short\n", 1, "Choose a password of 8 to 1,000 characters."),
        (["--email", "nobody"], "long enough\n", 1, "not an e-mail address"),
        (["--email", "ada@x.example", "--role", "king"], "long enough\n", 1, "no role king"),
        (["--email", "ada@x.example", "--generate"], "long enough\n", 2, "not both"),
        ([], "long enough\n", 2, "--email"),
    ],
)
async def test_what_is_wrong_is_one_line(run, words: list[str], stdin: str, code: int, said: str) -> None:
    done = await run("user", "create", *words, "--password-stdin", stdin=stdin)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "Traceback" not in done.err


async def test_a_token_alone_is_on_standard_output(run, house: App, owner) -> None:
    await run("user", "create", "--email", "ada@x.example", "--role", "api-client", "--generate")
    done = await run(
        "token", "create", "--email", "ADA@x.example", "--name", "ERP", "--abilities", "agents.view, ouvrages.view",
        "--expires", "90d",
    )  # fmt: skip
    assert done.code == 0
    assert re.fullmatch(r"cs_[A-Za-z0-9]{40}\n", done.out)
    row = await (
        await owner.execute(
            "SELECT token, abilities, round(extract(epoch FROM expires_at - now()) / 86400) FROM api_tokens"
        )
    ).fetchone()
    assert row == (token_hash(done.out.strip()), ["agents.view", "ouvrages.view"], 90)
    audited = await (await owner.execute("SELECT user_agent FROM audit_logs WHERE action = 'token.created'")).fetchone()
    assert audited == ("countersign token create",)

    [listed] = json.loads((await run("token", "list", "--email", "ada@x.example", "--json")).out)
    assert (listed["name"], listed["email"]) == ("ERP", "ada@x.example")
    assert "token" not in listed
    gone = await run("token", "revoke", str(listed["id"]))
    assert (gone.code, gone.out) == (0, "")
    assert (await run("token", "list")).out == ""
    assert (await run("token", "revoke", str(listed["id"]))).code == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--email", "nobody@x.example", "--name", "t"], 1, "no such user"),
        (["--email", "ada@x.example", "--name", "t", "--expires", "soon"], 2, "90d"),
        (["--email", "ada@x.example", "--name", "t", "--expires", "2020-01-01"], 1, "expired already"),
        (["--email", "ada@x.example", "--name", "t", "--abilities", "no.such"], 1, "no permission no.such"),
        (["--email", "ada@x.example", "--name", "t", "--abilities", ","], 1, "at least one ability"),
    ],
)
async def test_a_token_that_cannot_be(run, words: list[str], code: int, said: str) -> None:
    await run("user", "create", "--email", "ada@x.example", "--generate")
    done = await run("token", "create", *words)
    assert (done.code, done.out) == (code, "")
    assert said in " ".join(done.err.split())
    assert "Traceback" not in done.err


async def test_without_an_instance_the_error_says_what_to_do(run, tmp_path: Path, monkeypatch) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "countersign.cli", "user", "list", "--home", str(tmp_path / "nowhere"),
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert b"Start one with `countersign up`" in err
