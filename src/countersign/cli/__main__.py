"""``python -m countersign.cli``."""

from . import app

app(prog_name="countersign")
