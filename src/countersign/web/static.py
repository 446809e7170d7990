"""Joins the web to the site: static files, and the pen that rooms draw with."""

from __future__ import annotations

from fastapi import FastAPI

from . import layout
from .assets import Assets


def mount(site: FastAPI) -> None:
    """Everything of the web that a route list cannot say."""
    site.state.page = layout.page
    site.mount("/static", Assets(), name="static")
