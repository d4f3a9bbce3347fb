"""From a fit and a population to the pattern probabilities of both groups, draw by draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bmco_pymc.errors import InputError
from bmco_pymc.marginal import marginalise
from bmco_pymc.population import Analytical, Empirical, Sample, Value, read_population, resolve
from bmco_pymc.slopes import steepest

if TYPE_CHECKING:
    from bmco_pymc.fit import Fit


def exact_phi(fit: Fit, population: Any, clusters: str | None) -> tuple[np.ndarray, str]:
    """Return φ of an analysis without covariates, which has one population only."""
    name = type(fit.model).__name__
    if read_population(population) != Empirical():
        what = f"{name} has no covariates, so its only population is the whole of each group"
        raise InputError("population", population, what, ["Empirical()"])
    if clusters is not None:
        raise InputError("clusters", clusters, f"{name} has no clusters", [None])
    estimand = "Success probability in the whole population of each group, without covariates."
    return fit.idata["posterior"].to_dataset()["phi"].values, estimand


def averaged_phi(
    fit: Fit,
    population: Value | Empirical | Analytical | None,
    clusters: str | None,
    standardise: str,
    cluster_weights: str,
) -> tuple[np.ndarray, str]:
    """Return φ (chain, draw, group, pattern) averaged over a population, and the estimand."""
    model, design = fit.model, fit.model.design
    assert design is not None
    population = read_population(population)
    if design.random_terms:
        clusters = "new" if clusters is None else clusters
    elif clusters is not None:
        what = f"{type(model).__name__} has no clusters"
        raise InputError("clusters", clusters, what, [None])
    sample = Sample(model.study, model.cells)
    draws = flat_draws(fit)
    try:
        steep = 0.0
        if isinstance(population, Analytical):
            names = sample.named(population)
            for name, covariate in names.items():
                bounds = dict(population.ranges)[name]
                steep = steepest(design, sample, covariate, bounds, draws, clusters)
        target = resolve(
            population,
            sample,
            standardise=standardise,
            clusters=clusters,
            cluster_weights=cluster_weights,
            steepness=steep,
        )
        phi = marginalise(target, design.matrices, **draws)  # (S, 2, Q)
    except InputError as error:  # a term without a value there does not know the population
        if error.argument != "population":
            raise
        raise InputError("population", population, error.problem, error.choices) from None
    sizes = fit.idata["posterior"].sizes
    return phi.reshape(sizes["chain"], sizes["draw"], *phi.shape[1:]), target.estimand


def flat_draws(fit: Fit) -> dict[str, np.ndarray]:
    """Return the regression's draws with chains joined, in the order of the marginal functions."""
    posterior = fit.idata["posterior"].to_dataset()
    n = posterior.sizes["chain"] * posterior.sizes["draw"]
    draws = {
        name: posterior[name].values.reshape(n, *posterior[name].shape[2:])
        for name in fit.model.parameters
    }
    if "beta" not in draws:  # every term is random
        draws["beta"] = np.zeros((n, 0, len(fit.model.coords["logit"])))
    return draws
