"""The words of the command line: its codes, its names of arguments, its spelling of signs."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Collection

from bmco_pymc.errors import InputError

# Codes to end with; 130 is the shell's for Ctrl-C.
UNEXPECTED, BAD_INPUT, NOT_GOOD, INTERRUPTED = 1, 2, 3, 130

# Arguments of the classes, as the command line calls them; those in SAME are only spelt its way.
OPTIONS = {
    "w": "--weights",
    "m": "--at-least",
    "cut": "--cut-off",
    "ci_prob": "--ci",
    "covariates": "--fixed",
    "Value": "--value",
    "Analytical": "--analytical",
}
SAME = frozenset(
    {"outcomes", "group", "control", "treatment", "cluster", "counts", "missing"}
    | {"fixed", "random"}
    | {"clusters", "cluster_weights", "standardise", "rule", "direction", "margins", "alpha"}
    | {"draws", "tune", "chains", "target_accept", "seed"}
    | {"n", "rho", "dropout", "futility", "power"}
)

# The package's own signs, for outputs in an encoding that lacks them (a redirect on Windows).
SPELT = dict(zip("δθφρβγΣα−–—≤≥…→×√²", (
    *("delta", "theta", "phi", "rho", "beta", "gamma", "Sigma", "alpha"),
    *("-", "-", "-", "<=", ">=", "...", "->", "x", "sqrt", "^2"),
), strict=True))  # fmt: skip


def in_options(error: InputError, same: Collection[str] = SAME) -> InputError:
    """Return an error about an argument as one about the option of that name.

    Examples
    --------
    >>> print(in_options(InputError("cluster_weights", "both", "is unknown here")))
    --cluster-weights='both': is unknown here
    """
    name, bracket, part = error.argument.partition("[")
    spelt = f"--{name.replace('_', '-')}{bracket}{part}"
    return error.renamed(({error.argument: spelt} if name in same else {}) | OPTIONS)


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
