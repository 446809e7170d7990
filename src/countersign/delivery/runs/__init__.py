"""Runs of a task, their steps, checkpoints, tests and pull requests."""
