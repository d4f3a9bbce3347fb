"""The command line: ``bmco-pymc demo`` and ``bmco-pymc fit``."""

from bmco_pymc.cli.commands import app

__all__ = ["app"]
