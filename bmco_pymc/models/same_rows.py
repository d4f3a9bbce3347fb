"""Whether several models see the same subjects, so that their answers can stand side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bmco_pymc.errors import InputError
from bmco_pymc.models.base import Model


def check_same_rows(models: Mapping[str, Model]) -> None:
    """Refuse models that differ in their question or in the rows of the data that they use.

    Models of one study are told apart by their formulas: a row that misses a covariate is used by
    the models without it only. Studies of different frames are compared by the places of the rows
    used, and by what these rows say of the group and the outcomes.

    Parameters
    ----------
    models : mapping of str to Model
        At least one; the first is what the others are compared with.

    Raises
    ------
    InputError
        If the outcomes or groups are called differently, or the rows are not the same; says which.
    """
    (first, reference), *others = models.items()
    rows = _rows(reference)
    for name, model in others:
        for role in ("outcomes", "group_labels"):
            ours, theirs = getattr(reference.study, role), getattr(model.study, role)
            if ours != theirs:
                what = f"has other {role.split('_')[0].rstrip('s')}s than {first!r}"
                raise InputError(f"models[{name!r}]", theirs, what, [ours])
        if model.cells is reference.cells:
            continue
        used = _rows(model)
        differences = [
            _listed(alone.index, f"only {whose!r} uses")
            for whose, alone in (
                (first, rows.drop(used.index, errors="ignore")),
                (name, used.drop(rows.index, errors="ignore")),
            )
            if len(alone)
        ]
        if not differences:
            unequal = (rows != used.loc[rows.index]).any(axis=1)
            if unequal.any():
                words = "have another group, outcome or count:"
                differences = [_listed(rows.index[unequal], words)]
        if differences:
            what = (
                f"does not use the same rows of the data as {first!r} (counted from 0): "
                f"{'; '.join(differences)}. Compare models of one study on the same rows: leave "
                "the rows that miss a covariate out for all"
            )
            raise InputError(f"models[{name!r}]", type(model).__name__, what)


def _rows(model: Model) -> pd.DataFrame:
    """Return group, response and count of the rows used, by their place in the user's data."""
    study, row = model.study, np.sort(model.cells.row)
    return pd.DataFrame(
        {"arm": study.arm[row], "response": study.response[row], "weight": study.weight[row]},
        index=study.position[row],
    )


def _listed(places: pd.Index, words: str, most: int = 8) -> str:
    """Return the first few places of rows, and how many there are."""
    shown = ", ".join(map(str, places[:most])) + (", …" if len(places) > most else "")
    return f"{words} {len(places)} row{'s' * (len(places) > 1)} ({shown})"
