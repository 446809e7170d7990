"""Who is asking: the caller of every transaction, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NewType

from .errors import Forbidden

TenantId = NewType("TenantId", int)
UserId = NewType("UserId", int)

DEFAULT_TENANT = TenantId(1)


@dataclass(frozen=True, slots=True)
class Caller:
    """One request's or job's identity. Permissions are slugs; a role's name is never asked."""

    tenant_id: TenantId
    user_id: UserId | None = None
    email: str | None = None
    name: str | None = None
    permissions: frozenset[str] = frozenset()
    is_super: bool = False
    ip: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
    locale: str = "fr"

    def may(self, permission: str) -> bool:
        """Whether the caller holds *permission* (a slug such as ``agents.view``)."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raises ``Forbidden`` naming the permission that is missing."""
        if not self.may(permission):
            raise Forbidden(
                f"This needs the permission “{permission}”. An administrator can grant it.", permission=permission
            )

    def in_tenant(self, tenant: TenantId) -> Caller:
        """The same caller looking at another tenant. Only a super-admin crosses tenants."""
        if tenant != self.tenant_id and not self.is_super:
            raise Forbidden("Only a super-admin may look into another organisation.")
        return replace(self, tenant_id=tenant)


def system(tenant: TenantId = DEFAULT_TENANT, actor: UserId | None = None) -> Caller:
    """The caller of background work: it acts for *actor* where a person started it, and holds no permission."""
    return Caller(tenant_id=tenant, user_id=actor, email=None, name="system")
