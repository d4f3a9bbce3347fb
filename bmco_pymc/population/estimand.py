"""What an effect is about, as a value: which covariate values, whose, and which clusters."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bmco_pymc.errors import InputError
from bmco_pymc.population.points import Resolved, Target, resolve
from bmco_pymc.population.subjects import Sample
from bmco_pymc.population.values import Empirical, Population, read_population
from bmco_pymc.terms.terms import Terms


@dataclass(frozen=True, eq=False)
class Estimand:
    """The arguments of ``fit.effect`` as one value.

    Attributes
    ----------
    population : Value, Empirical, Analytical or Target
        Which covariate values; ``Empirical()``, the whole sample, if None is given.
    clusters : {"new", "observed"}, optional
    standardise : {"pooled", "own"}
    cluster_weights : {"size", "equal"}
        As in ``fit.effect``.
    """

    population: Population | None = None
    clusters: str | None = None
    standardise: str = "pooled"
    cluster_weights: str = "size"

    @property
    def whole(self) -> Population:
        """The population, which is the whole sample where none is given."""
        return read_population(self.population)

    def of(self, population: Population) -> Estimand:
        """Return the same question about another population."""
        return replace(self, population=population)

    def for_terms(self, terms: Terms | None, analysis: str) -> Estimand:
        """Return what is asked of an analysis of these terms: new clusters, if nothing is said.

        Raises
        ------
        InputError
            If it has no such clusters or, without covariates, no such population.
        """
        whole = self.whole
        if terms is None and whole != Empirical() and not isinstance(whole, Target):
            what = (
                f"{analysis} has no covariates, so its only population is the whole of each group"
            )
            raise InputError("population", self.population, what, ["Empirical()"])
        if terms is not None and terms.random:
            return replace(
                self, population=whole, clusters="new" if self.clusters is None else self.clusters
            )
        if self.clusters is not None:
            raise InputError("clusters", self.clusters, f"{analysis} has no clusters", [None])
        return replace(self, population=whole)

    def applicable(self, terms: Terms | None) -> Estimand:
        """Return those parts of the question that mean something for an analysis."""
        if terms is not None and terms.random:
            return self
        if terms is not None:
            return Estimand(self.population, standardise=self.standardise)
        return Estimand(self.population)

    def target(self, sample: Sample, steepness: float = 10.0) -> Resolved:
        """Return the weighted points that it means on a sample; see `resolve`."""
        return resolve(
            self.whole,
            sample,
            standardise=self.standardise,
            clusters=self.clusters,
            cluster_weights=self.cluster_weights,
            steepness=steepness,
        )
