"""Example data that ships with the package."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd


def load_schools() -> pd.DataFrame:
    """Return a simulated study of two teaching methods in 20 schools of 15 pupils.

    Whole schools were randomised. Columns: ``school_id``, ``method`` (traditional, new_method),
    ``baseline_ability`` (about 50 ± 10), ``baseline_ability_std`` (the same, standardised) and the
    outcomes ``math_pass`` and ``reading_pass``.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.load_schools().shape
    (300, 6)
    """
    return _read("schools.csv")


def load_trial() -> pd.DataFrame:
    """Return a simulated trial of 240 subjects without clusters.

    Columns: ``arm`` (ctl, trt), ``x`` (a numeric covariate), ``severity`` (mild, severe) and the
    outcomes ``y1`` and ``y2``.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.load_trial()["arm"].value_counts().to_dict()
    {'ctl': 120, 'trt': 120}
    """
    return _read("flat_trial.csv")


def load_multisite() -> pd.DataFrame:
    """Return a simulated trial in 16 sites of 24 subjects, with both arms in every site.

    Columns: ``site``, ``arm`` (ctl, trt), ``x`` (a numeric covariate) and the outcomes ``y1`` and
    ``y2``.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.load_multisite()["site"].nunique()
    16
    """
    return _read("multisite_trial.csv")


def _read(name: str) -> pd.DataFrame:
    with (files("bmco_pymc") / "data" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file)
