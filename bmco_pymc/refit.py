"""Fit the same analysis again with other data, priors or settings."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bmco_pymc.arguments import FIT, check_names, of_kind
from bmco_pymc.priors import Priors
from bmco_pymc.study import Study

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

    from bmco_pymc.fit import Fit


def update(
    fit: Fit,
    data: IntoFrame | Study | None = None,
    *,
    priors: Priors | Mapping[str, Any] | None = None,
    **settings: Any,
) -> Fit:
    """Fit the same analysis again; see `Fit.update`."""
    check_names(settings, FIT)
    model: Any = fit.model
    changes: dict[str, Any] = {}
    if priors is not None:
        what = "must be Priors, or a mapping of the names of those to replace"
        if not isinstance(priors, Priors):
            for name in of_kind("priors", priors, Mapping, what):
                of_kind("priors", name, str, what)
            priors = model.priors.replace(**priors)
        changes["priors"] = priors
    if data is not None:
        changes["study"] = _study(model.study, data)
    if changes:  # one new model: it warns once of what is unusual
        model = dataclasses.replace(model, **changes)
    return model.fit(**{**settings_of(fit), **settings})


def settings_of(fit: Fit) -> dict[str, Any]:
    """Return the settings of ``model.fit`` that a fit was made with, those that were given."""
    known = inspect.signature(fit.model.fit).parameters
    left = str(fit.idata.attrs.get("default_settings", "")).split()
    return {
        str(name): value
        for name, value in fit.idata.attrs.items()
        if name in known and name not in left
    }


def _study(old: Study, data: Any) -> Study:
    """Return a study of new data in the roles of an old one."""
    if isinstance(data, Study):
        return data
    return Study(data, old.outcomes, old.group, old.control, old.treatment, old.cluster, old.counts)
