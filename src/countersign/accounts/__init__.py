"""Tenants, users, roles, permissions, API tokens, sign-in."""
