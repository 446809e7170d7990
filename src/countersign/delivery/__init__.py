"""Delivery agents: a task becomes tested code, a pull request and, once signed, a merge."""
