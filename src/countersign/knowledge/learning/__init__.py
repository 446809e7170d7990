"""Validated answers that are learned, reused and suspended."""
