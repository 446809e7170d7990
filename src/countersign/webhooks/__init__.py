"""Outgoing deliveries, signed and retried."""
