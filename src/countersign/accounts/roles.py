"""Roles: five that come with the product and stay as they are, and any that an administrator makes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..kernel import sql
from ..kernel.audit import audit
from ..kernel.database import Tx
from ..kernel.errors import Invalid
from .models import NoSuchRole, Permission, Role, RoleTaken, SystemRole, UnknownPermission
from .users import cover

queries = sql.load(__package__ or "")


async def permissions(tx: Tx) -> list[Permission]:
    """Everything that can be allowed, by group."""
    return await tx.all(Permission, queries.permissions)


async def roles(tx: Tx) -> list[Role]:
    """System roles first, then those of this tenant."""
    return await tx.all(Role, queries.roles, slug=None)


async def role(tx: Tx, slug: str) -> Role:
    """One role. Raises ``NoSuchRole``."""
    found = await tx.first(Role, queries.roles, slug=slug)
    if found is None:
        raise NoSuchRole()
    return found


async def create_role(tx: Tx, slug: str, name: str, holds: Sequence[str], description: str | None = None) -> Role:
    """A custom role. Raises ``RoleTaken``, ``UnknownPermission``, ``BeyondOwn``, ``Invalid``."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,49}", slug):
        raise Invalid("A slug has 1 to 50 characters: a-z, 0-9 and hyphens.")
    if not name.strip() or len(name) > 50:
        raise Invalid("A name has 1 to 50 characters.")
    await _known(tx, holds)
    cover(tx, holds)
    role_id = await tx.value(queries.add_role, slug=slug, name=name.strip(), description=description)
    if role_id is None:
        raise RoleTaken()
    await tx.run(queries.put_role_permissions, role=role_id, slugs=list(holds))
    made = await role(tx, slug)
    await audit(tx, "role.created", "role", made.id, new=_seen(made))
    return made


async def update_role(
    tx: Tx,
    target: Role,
    *,
    name: str | None = None,
    description: str | None = None,
    holds: Sequence[str] | None = None,
) -> Role:
    """Changes what is given; *holds* replaces all permissions.

    Raises as ``create_role``, and ``SystemRole``.
    """
    _ours(target)
    await tx.run(queries.change_role, id=target.id, name=name, description=description)
    if holds is not None:
        await _known(tx, holds)
        cover(tx, set(holds) ^ set(target.permissions))
        await tx.run(queries.cut_role_permissions, role=target.id, slugs=list(holds))
        await tx.run(queries.put_role_permissions, role=target.id, slugs=list(holds))
    changed = await role(tx, target.slug)
    await audit(tx, "role.updated", "role", target.id, old=_seen(target), new=_seen(changed))
    return changed


async def delete_role(tx: Tx, target: Role) -> None:
    """Deletes a custom role; who had it loses it. Raises ``SystemRole``, ``BeyondOwn``."""
    _ours(target)
    cover(tx, target.permissions)
    await tx.run(queries.delete_role, id=target.id)
    await audit(tx, "role.deleted", "role", target.id, old=_seen(target))


async def _known(tx: Tx, slugs: Sequence[str]) -> None:
    known = {permission.slug for permission in await permissions(tx)}
    if unknown := sorted(set(slugs) - known):
        raise UnknownPermission(f"There is no permission {', '.join(unknown)}.")


def _ours(target: Role) -> None:
    if target.is_system:
        raise SystemRole(f"{target.name} is a system role: it stays as it is. Make a role of your own.")


def _seen(target: Role) -> dict[str, object]:
    return {"slug": target.slug, "name": target.name, "permissions": target.permissions}
