"""What the command line says besides its result: notes and errors, on standard error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from bmco_pymc.errors import ConvergenceWarning, InputError, InputWarning

# Arguments of the classes, as the command line calls them; those in SAME are only spelt its way.
OPTIONS = {
    "w": "--weights",
    "ci_prob": "--ci",
    "covariates": "--fixed",
    "Analytical": "--analytical",
}
SAME = frozenset(
    {"outcomes", "group", "control", "treatment", "cluster", "counts", "fixed", "random"}
    | {"clusters", "cluster_weights", "standardise", "rule", "direction", "margins", "alpha"}
    | {"draws", "tune", "chains", "target_accept", "seed"}
)


@contextmanager
def speaking() -> Iterator[list[str]]:
    """Say warnings as notes, once each, and end with exit code 2 after an input error.

    Yields
    ------
    list of str
        The notes said so far.
    """
    notes: list[str] = []
    otherwise = warnings.showwarning

    def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, InputWarning | ConvergenceWarning):
            otherwise(message, category, *where, **more)
        elif str(message) not in notes:
            notes.append(str(message))
            typer.echo(f"Note: {message}", err=True)

    with warnings.catch_warnings():
        for category in (InputWarning, ConvergenceWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = show
        try:
            yield notes
        except InputError as error:
            options = {name: "--" + name.replace("_", "-") for name in SAME} | OPTIONS
            typer.echo(f"Error: {error.renamed(options)}", err=True)
            raise typer.Exit(2) from None
