"""Take up a fit from a file."""

from __future__ import annotations

import os

from bmco_pymc.fit import Fit, make_fit
from bmco_pymc.models import bglm, bglmm, bmvb  # noqa: F401  # so that the store knows them
from bmco_pymc.store.tree import read


def load(path: str | os.PathLike[str]) -> Fit:
    """Return the fit that ``fit.save(path)`` kept.

    Nothing is fitted, and nothing in the file runs: its formulas are read by the same grammar as
    anybody's. Effects, decisions, summaries and plots of the loaded fit have the same numbers as
    those of the fit that was saved, to the last bit on one machine. The design is learnt again from
    the stored study and must come out as it was, but for the rounding of another processor; the
    diagnostics are computed again from the draws.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        If there is no such file, it is no fit saved by this package, was cut short or changed,
        would take far more memory than its size, has a format that this version cannot read, is of
        an analysis that is not imported, or if the installed software makes another design of the
        study than the draws belong to. Whatever is wrong, the error names the file.

    Warns
    -----
    ConvergenceWarning
        If the diagnostics are not as they should be. What the study and the model warned of when
        they were made is not repeated.

    Examples
    --------
    >>> import tempfile
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> fit = bmco.BMVB(study).fit(seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fit.save(f"{folder}/trial.zarr.zip")
    ...     again = bmco.load(f"{folder}/trial.zarr.zip")
    >>> bool((again.effect().delta == fit.effect().delta).all())
    True
    """
    return read(path, make_fit)
