"""``countersign token``: keys for programs."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from .tools import Home, Json, emit, run, say, table, transaction

if TYPE_CHECKING:
    from ..accounts.models import Token
    from ..accounts.tokens import NewToken

app = typer.Typer(help="Create, list and revoke API tokens.", no_args_is_help=True)

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}


def ends(text: str) -> datetime:
    """The moment that ``90d``, ``12h``, ``4w``, ``1y`` or a date ``2027-01-31`` (its end, UTC) means."""
    try:
        if match := re.fullmatch(r"([1-9]\d{0,4})([hdwy])", text.strip().lower()):
            return datetime.now(UTC) + int(match[1]) * UNITS[match[2]]
        return datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is not a time such as 90d, 12h, 4w, 1y or 2027-01-31") from error


@app.command()
def create(
    email: Annotated[str, typer.Option(help="Whose token it is.")],
    name: Annotated[str, typer.Option(help="What it is for.")],
    abilities: Annotated[str, typer.Option(help="Permissions, comma-separated; * is all that the owner may do.")] = "*",
    expires: Annotated[
        datetime | None, typer.Option(parser=ends, help="When it ends: 90d, 12h, 4w, 1y, 2027-01-31.")
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Create a token and print it, once; nothing else goes to standard output."""
    from ..accounts import service

    async def work() -> NewToken:
        async with transaction(home, "token create") as tx:
            owner = await service.user_by_email(tx, email)
            wanted = [ability.strip() for ability in abilities.split(",") if ability.strip()]
            return await service.create_token(tx, owner, name, wanted, expires)

    made = run(work())
    if json:
        emit({"token": made.plain, **asdict(made.row)})
        return
    end = f"until {made.row.expires_at:%Y-%m-%d %H:%M} UTC" if made.row.expires_at else "without an end"
    say(f"Token {made.row.id} of {made.row.email}, {end}. It is shown only now.")
    typer.echo(made.plain)


@app.command("list")
def list_tokens(
    email: Annotated[str | None, typer.Option(help="Only those of this user.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """List tokens, newest first; never the tokens themselves."""
    from ..accounts import service

    async def work() -> list[Token]:
        found: list[Token] = []
        async with transaction(home, "token list", read_only=True) as tx:
            owner = (await service.user_by_email(tx, email)).id if email else None
            while part := await service.tokens(tx, user_id=owner, before=found[-1].id if found else None, limit=1000):
                found += part
        return found

    held = run(work())
    if json:
        emit([asdict(token) for token in held])
        return
    table(
        ("Number", "Owner", "Name", "Abilities", "Expires", "Last used"),
        [(t.id, t.email, t.name, t.abilities, t.expires_at, t.last_used_at) for t in held],
    )


@app.command()
def revoke(
    number: Annotated[int, typer.Argument(help="Number of the token, as `token list` shows it.")],
    home: Home = None,
    json: Json = False,
) -> None:
    """Revoke a token; it ends at once."""
    from ..accounts import service

    async def work() -> Token:
        async with transaction(home, "token revoke") as tx:
            target = await service.token(tx, number)
            await service.revoke_token(tx, target)
            return target

    gone = run(work())
    if json:
        emit(asdict(gone))
    else:
        say(f"Revoked token {gone.id} ({gone.name}) of {gone.email}.")
