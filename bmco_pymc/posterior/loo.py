"""Leave-one-out cross-validation of a fit, subject by subject or cluster by cluster."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from arviz_stats import ELPDDataLOO

from bmco_pymc.errors import ConvergenceWarning, InputError, warn_user
from bmco_pymc.posterior.likelihood import by_cluster, check_unit, of_pairs, pairs_of
from bmco_pymc.posterior.predictor import fitted

if TYPE_CHECKING:
    from bmco_pymc.posterior.posterior import Posterior


@dataclass(kw_only=True, repr=False)
class LOO(ELPDDataLOO):
    """ArviZ's result of leave-one-out cross-validation, which prints the verdict on the draws.

    Attributes
    ----------
    verdict : str
        What stands against it, and the verdict on the fit.
    """

    verdict: str = ""

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.verdict}"


LEAST = 25  # draws: a fifth of them are the tail, to which a Pareto distribution is fitted


def check_draws(fit: Posterior) -> None:
    """Refuse a fit with too few draws for importance weights to be smoothed."""
    sizes = fit.idata["posterior"].sizes
    n_draws = sizes["chain"] * sizes["draw"]
    if n_draws < LEAST:
        problem = f"importance sampling needs {LEAST} draws at the very least: take more"
        raise InputError("fit", f"{n_draws} draws in all", problem)


def leave_one_out(fit: Posterior, by: str, *, progress: bool) -> Any:
    """Return ArviZ's ELPDDataLOO over subjects or clusters; see ``Fit.loo``."""
    check_draws(fit)
    if check_unit(fit, by) == "cluster":
        result = _loo(fit, by_cluster(fit, progress=progress))
    else:
        who, pairs, place = pairs_of(fit, each=10)
        posterior = fit.idata["posterior"]
        log_phi = of_pairs(fitted(fit), pairs)
        values = xr.DataArray(
            log_phi.reshape(posterior.sizes["chain"], posterior.sizes["draw"], -1),
            dims=("chain", "draw", "pair"),
        )
        result = _expanded(_loo(fit, values), log_phi, place, who.label)
    trouble = _trouble(result, by)
    if trouble:
        warn_user(trouble, ConvergenceWarning)
    fit.diagnostics.warn()
    known = {field.name: getattr(result, field.name) for field in fields(result)}
    known["warning"] = bool(result.warning or not fit.diagnostics.ok)
    verdict = "\n".join(filter(None, [trouble and f"{trouble}.", str(fit.diagnostics)]))
    return LOO(**known, verdict=verdict)


def _loo(fit: Posterior, log_likelihood: xr.DataArray) -> Any:
    """Return ArviZ's PSIS-LOO of log-likelihood values with dims (chain, draw, unit)."""
    import arviz as az

    # relative efficiency: of the parameters that are judged, not of each cluster's
    names = [
        name for block, names in fit.model.blocks.items() if block != "clusters" for name in names
    ]
    tree = xr.DataTree.from_dict(
        {
            "posterior": fit.idata["posterior"].to_dataset()[names],
            "log_likelihood": log_likelihood.to_dataset(name="response"),
        }
    )
    with warnings.catch_warnings():
        # said in the package's own words, with the advice that fits
        warnings.filterwarnings("ignore", "Estimated shape parameter of Pareto", UserWarning)
        return az.loo(tree, pointwise=True)


def _expanded(pairs: Any, log_phi: np.ndarray, place: np.ndarray, label: np.ndarray) -> Any:
    """Return the result over subjects from that over the distinct pairs of cell and pattern."""
    n = len(place)
    elpd_i = pairs.elpd_i.values[place]
    lppd_i = (np.logaddexp.reduce(log_phi, axis=0) - np.log(len(log_phi)))[place]

    def over_subjects(values: np.ndarray) -> xr.DataArray:
        return xr.DataArray(values, {"subject": label}, ("subject",))

    return replace(
        pairs,
        elpd=float(elpd_i.sum()),
        se=float(np.sqrt(n * elpd_i.var())),
        p=float((lppd_i - elpd_i).sum()),
        n_data_points=n,
        elpd_i=over_subjects(elpd_i),
        pareto_k=over_subjects(pairs.pareto_k.values[place]),
        log_weights=None,  # of pairs; over subjects they would be many copies
    )


def _trouble(result: Any, by: str) -> str:
    """Return which share of the subjects or clusters importance sampling could not leave out."""
    k = result.pareto_k.values
    high = int((k > result.good_k).sum())
    if not high:
        return ""
    return (
        f"Leaving out a {by} changes the posterior too much for importance sampling: Pareto k "
        f"is above {result.good_k:.2f} for {high} of {len(k)} {by}s, largest {k.max():.2f}. "
        "Their part of the elpd is not to be trusted; more draws help if there are few of them"
    )
