"""The one inbox of everything that waits for a human."""
