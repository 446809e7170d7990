"""Requests for a human decision, the decisions, and what follows from them."""
