"""Dispatch: which agent a question is for when none is named, and why."""
