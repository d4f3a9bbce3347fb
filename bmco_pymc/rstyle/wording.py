"""Errors of the classes in the words of bmco's calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bmco_pymc.errors import InputError

OUTCOMES = {"outcomes": "y_vars"}
STUDY = {
    **OUTCOMES,
    "group": "grp",
    "control": "grp_a",
    "treatment": "grp_b",
    "cluster": "id_var",
    "covariate": "x_var",
    "covariates": "x_var",
}
SETTINGS = {"draws": "n_it", "tune": "n_burn", "chains": "n_chain"}
FIXED_PRIOR = {
    "mean": "b_mu0",
    "beta.mean": "b_mu0",
    "precision": "b_sigma0",
    "beta.precision": "b_sigma0",
}
RANDOM_PRIOR = {
    "mean": "g_mu0",
    "gamma.mean": "g_mu0",
    "precision": "g_sigma0",
    "gamma.precision": "g_sigma0",
}
COVARIANCE_PRIOR = {"nu": "nu0", "Sigma.nu": "nu0", "scale": "tau0", "Sigma.scale": "tau0"}
PATTERN_PRIOR = {
    "alpha": "prior_a",
    "phi.alpha": "prior_a",
    "treatment": "prior_b",
    "phi.treatment": "prior_b",
}


@contextmanager
def in_bmcos_words(
    arguments: Mapping[str, str], columns: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Raise errors of the block under bmco's names.

    Parameters
    ----------
    arguments : mapping of str to str
        bmco's argument for each argument of the classes.
    columns : mapping of str to str, optional
        The user's name for each column that goes by another one, see `Columns`.

    Examples
    --------
    >>> with in_bmcos_words(STUDY):
    ...     raise InputError("control", "placebo", "there is no such group")
    Traceback (most recent call last):
    bmco_pymc.errors.InputError: grp_a='placebo': there is no such group
    """
    try:
        yield
    except InputError as error:
        value, problem = error.value, error.problem
        for name, original in (columns or {}).items():
            value = original if isinstance(value, str) and value == name else value
            problem = problem.replace(repr(name), repr(original))
        renamed = InputError(error.argument, value, problem, error.choices)
        raise renamed.renamed(arguments) from None
