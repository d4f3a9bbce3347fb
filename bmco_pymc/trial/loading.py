"""Take up what was kept: a fit, or simulated trials."""

from __future__ import annotations

import os
from typing import Any

from bmco_pymc.models import load as fits


def load(path: str | os.PathLike[str]) -> Any:
    """Return the fit that ``fit.save(path)`` kept, or the result so far of simulated trials.

    Nothing is fitted or simulated, and nothing in the file runs: its formulas are read by the same
    grammar as anybody's. Effects, decisions, summaries and plots of a loaded fit have the same
    numbers as those of the fit that was saved, to the last bit on one machine. The design is learnt
    again from the stored study and must come out as it was, but for the rounding of another
    processor; the diagnostics are computed again from the draws.

    Parameters
    ----------
    path : str or path-like
        The file of a fit; or the folder of an `Engine`, in which the trials of one design are
        kept: under one truth or several.

    Returns
    -------
    Fit or OperatingCharacteristics

    Raises
    ------
    InputError
        If there is no such file, it is no fit saved by this package, was cut short or changed,
        would take far more memory than its size, has a format that this version cannot read, is of
        an analysis that is not imported, or if the installed software makes another design of the
        study than the draws belong to; if a folder has no analysed trials, or those of several
        designs: name the subfolder of one. Whatever is wrong, the error names the file.

    Warns
    -----
    ConvergenceWarning
        If the diagnostics are not as they should be. What the study and the model warned of when
        they were made is not repeated.
    InputWarning
        If a part of simulated trials cannot be read, which is then left out.

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
    from bmco_pymc.trial.design import Design
    from bmco_pymc.trial.simulated.reading import is_study, so_far

    return so_far(path, Design) if is_study(path) else fits.load(path)
