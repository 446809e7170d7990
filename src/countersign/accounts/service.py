"""Accounts as other rooms use them: who is asking, signing in and out, users, roles, tokens."""

from __future__ import annotations

from .models import SignedIn
from .sessions import COOKIE, sign_in, sign_out, switch_tenant
from .tokens import create_token, revoke_token, token, tokens
from .users import (
    create_user,
    delete_user,
    first_admin,
    place,
    set_password,
    update_user,
    user,
    user_by_email,
    user_by_id,
    users,
)
from .who import authenticate

__all__ = [
    "COOKIE",
    "SignedIn",
    "authenticate",
    "create_token",
    "create_user",
    "delete_user",
    "first_admin",
    "place",
    "revoke_token",
    "set_password",
    "sign_in",
    "sign_out",
    "switch_tenant",
    "token",
    "tokens",
    "update_user",
    "user",
    "user_by_email",
    "user_by_id",
    "users",
]
