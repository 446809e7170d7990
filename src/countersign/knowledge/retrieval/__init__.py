"""Retrieval: find the records, read the live figures, check the figures of an answer."""
