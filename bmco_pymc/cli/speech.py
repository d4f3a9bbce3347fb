"""What the command line says besides its result: notes, errors and the code it ends with."""

from __future__ import annotations

import codecs
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from bmco_pymc.errors import ConvergenceWarning, InputError, InputWarning, SamplingError

# Codes to end with; 130 is the shell's for Ctrl-C.
UNEXPECTED, BAD_INPUT, NOT_GOOD, INTERRUPTED = 1, 2, 3, 130

# Arguments of the classes, as the command line calls them; those in SAME are only spelt its way.
OPTIONS = {
    "w": "--weights",
    "m": "--at-least",
    "cut": "--cut-off",
    "ci_prob": "--ci",
    "covariates": "--fixed",
    "Analytical": "--analytical",
}
SAME = frozenset(
    {"outcomes", "group", "control", "treatment", "cluster", "counts", "missing"}
    | {"fixed", "random"}
    | {"clusters", "cluster_weights", "standardise", "rule", "direction", "margins", "alpha"}
    | {
        "draws",
        "tune",
        "chains",
        "target_accept",
        "seed",
        "n",
        "rho",
        "dropout",
        "futility",
        "power",
    }
)

# The package's own signs, for outputs in an encoding that lacks them (a redirect on Windows).
SPELT = dict(zip("δθφρβγΣα−–—≤≥…→×√²", (
    *("delta", "theta", "phi", "rho", "beta", "gamma", "Sigma", "alpha"),
    *("-", "-", "-", "<=", ">=", "...", "->", "x", "sqrt", "^2"),
), strict=True))  # fmt: skip


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for characters that an encoding lacks."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join(SPELT.get(character, "?") for character in lacking), error.end


def spell_out() -> None:
    """Let standard output and error write what their encoding lacks in other characters."""
    codecs.register_error("bmco_pymc.spelt", _spell)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="bmco_pymc.spelt")


@contextmanager
def speaking() -> Iterator[list[str]]:
    """Say warnings as notes, once each, and end with the code that an error has.

    Yields
    ------
    list of str
        The notes said so far.
    """
    notes: list[str] = []
    otherwise = warnings.showwarning
    spell_out()

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
            raise typer.Exit(BAD_INPUT) from None
        except SamplingError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(UNEXPECTED) from None
        except KeyboardInterrupt:
            typer.echo("Interrupted before there was a result: nothing was written.", err=True)
            raise typer.Exit(INTERRUPTED) from None
