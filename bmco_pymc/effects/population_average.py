"""From a posterior and an estimand to the pattern probabilities of each group, draw by draw."""

from __future__ import annotations

import numpy as np

from bmco_pymc.errors import InputError
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.population.marginal import marginalise
from bmco_pymc.population.points import Analytical, Sample, Target
from bmco_pymc.population.slopes import steepest
from bmco_pymc.posterior.posterior import Posterior

EXACT = "Success probability in the whole population of each group, without covariates."
# Draws of a prior spread so widely that the errors of the integral, 1e-3 or less on average, drown
# in Monte Carlo error; wide priors would ask for 2^15 nodes in each draw.
PRIOR_NODES = 1024
AS_IT_IS = " The {} are taken to be like the sample, as {} knows no covariate to tell them by."


def averaged_phi(fit: Posterior, estimand: Estimand) -> tuple[np.ndarray, str]:
    """Return φ (chain, draw, group, pattern) averaged over a population, and what that means."""
    model, terms = fit.model, fit.model.terms
    estimand = estimand.for_terms(terms, type(model).__name__)
    if terms is None:
        words = EXACT
        if isinstance(target := estimand.whole, Target):
            words += AS_IT_IS.format(target.words, type(model).__name__)
        return fit.idata["posterior"].to_dataset()["phi"].values, words
    sample, draws, population = Sample(model.study, model.cells), fit.coefficients(), estimand.whole
    try:
        steep = 0.0
        if isinstance(population, Analytical):
            for name, covariate in sample.named(population).items():
                bounds = dict(population.ranges)[name]
                steep = steepest(terms, sample, covariate, bounds, draws, estimand.clusters)
        resolved = estimand.target(sample, steep)
        n_nodes = PRIOR_NODES if fit.is_prior else None
        phi = marginalise(resolved, terms.matrices, **draws, n_nodes=n_nodes)  # (S, 2, Q)
    except InputError as error:  # a term without a value there does not know the population
        if error.argument != "population":
            raise
        raise InputError("population", population, error.problem, error.choices) from None
    sizes = fit.idata["posterior"].sizes
    return phi.reshape(sizes["chain"], sizes["draw"], *phi.shape[1:]), resolved.estimand
