"""The embedded stack: everything a fresh machine needs to run the product, started and supervised by one process."""
