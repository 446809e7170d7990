"""Joins the web to the site: static files, and the pen that rooms draw with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fastapi import FastAPI

from . import layout
from .assets import Assets
from .i18n import say


def speech(locale: str) -> Callable[[str], str]:
    """What says a text in *locale*."""
    return partial(say, locale)


def mount(site: FastAPI) -> None:
    """Everything of the web that a route list cannot say."""
    site.state.page = layout.page
    site.state.speech = speech
    site.state.say_to = layout.say_to
    site.mount("/static", Assets(), name="static")
