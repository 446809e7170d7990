"""Countersign: AI agents at work, a human's signature on what they do."""

__version__ = "0.1.0"
