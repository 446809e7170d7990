"""``countersign user``: people who may come in."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .tools import Home, Json, emit, run, say, table, transaction

if TYPE_CHECKING:
    from ..accounts.models import User

app = typer.Typer(help="Create and list users.", no_args_is_help=True)


@app.command()
def create(
    email: Annotated[str, typer.Option(help="Address to sign in with.")],
    name: Annotated[str | None, typer.Option(help="Name to show; absent: the address.")] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="Role: admin, validator, user, api-client…; may be repeated.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from a line of standard input.")
    ] = False,
    generate: Annotated[bool, typer.Option("--generate", help="Make a password up and print it (default).")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Create a user. Only a password that was made up is printed on standard output."""
    from ..accounts import passwords, service

    if password_stdin and generate:
        raise typer.BadParameter("give --password-stdin or --generate, not both")
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else passwords.made_up()

    async def work() -> User:
        async with transaction(home, "user create") as tx:
            return await service.create_user(tx, email, name or email, password, role or ["user"])

    made = run(work())
    if json:
        emit({**asdict(made), **({} if password_stdin else {"password": password})})
        return
    say(f"Created {made.email} ({', '.join(made.roles)}).")
    if not password_stdin:
        typer.echo(password)


@app.command("list")
def list_users(
    q: Annotated[str | None, typer.Option(help="Only those whose name or address holds this.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """List users with their roles."""
    from ..accounts import service

    async def work() -> list[User]:
        found: list[User] = []
        async with transaction(home, "user list", read_only=True) as tx:
            while part := await service.users(tx, q=q, after=found[-1].id if found else 0, limit=1000):
                found += part
        return found

    people = run(work())
    if json:
        emit([asdict(user) for user in people])
    else:
        table(("Address", "Name", "Roles"), [(user.email, user.name, user.roles) for user in people])
