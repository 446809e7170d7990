"""Figures of finished runs, configuration, retention."""
