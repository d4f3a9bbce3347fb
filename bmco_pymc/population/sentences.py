"""What is averaged over what, in words: every printed result carries this sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bmco_pymc.data.frames import text
from bmco_pymc.population.values import (
    EVERYTHING,
    Analytical,
    Empirical,
    Name,
    Range,
    Value,
)

EXTRAPOLATED = " Each cluster holds one group only and is extrapolated to the other group."


def covariate_sentence(
    population: Value | Empirical | Analytical,
    names: Mapping[Name, str],
    others: Sequence[str],
    subjects: Sequence[int],
    groups: Sequence[str] | None,
    moments: tuple[float, float] | None,
) -> str:
    """Return the answer to "which covariate values?", without its full stop.

    Parameters
    ----------
    population : Value, Empirical or Analytical
    names : mapping
        The covariate behind each name that was given, None included.
    others : sequence of str
        The covariates that keep the sample's values under Value and Analytical.
    subjects : sequence of int
        The number of subjects averaged over: pooled, or of the control and the treatment.
    groups : sequence of str or None
        The names of the control and the treatment if each has its own subjects, else None.
    moments : (float, float) or None
        Mean and SD under Analytical.

    Returns
    -------
    str

    Examples
    --------
    >>> covariate_sentence(Value(50), {None: "age"}, ["sex"], [300], None, None)
    'Both groups at age = 50, with sex as in all 300 subjects of both groups (pooled)'
    """
    pooled = f"all {subjects[0]} subjects of both groups"
    if isinstance(population, Empirical):
        condition = _condition(population, names)
        if groups is None:
            whom = f"the {subjects[0]} subjects of both groups {condition}" if condition else pooled
            return f"Average over {whom} (pooled)"
        numbers = " and ".join(f"{n} in {g}" for n, g in zip(subjects, groups, strict=True))
        whom = " ".join(filter(None, ["own subjects", condition]))
        return f"Each group averaged over its {whom} ({numbers})"
    if isinstance(population, Value):
        values = (f"{names[name]} = {text(value)}" for name, value in population.values)
        sentence = "Both groups at " + ", ".join(values)
    else:
        ((name, bounds),) = population.ranges
        assert moments is not None
        mean, sd = moments
        truncated = "" if bounds == EVERYTHING else f" truncated to values {_limits(bounds)}"
        sentence = (
            f"Both groups averaged over {names[name]} ~ Normal(mean {mean:.4g}, SD {sd:.4g})"
            f"{truncated}, with the mean and SD of {pooled}"
        )
        pooled = "these subjects"
    if others:
        joint = "and " if isinstance(population, Analytical) else "with "
        sentence += f", {joint}{' and '.join(others)} as in {pooled} (pooled)"
    return sentence


def cluster_phrase(
    clusters: str | None,
    cluster_weights: str,
    n_clusters: Sequence[int],
    n_observed: int,
    groups: Sequence[str] | None,
    *,
    some: bool = False,
    target: bool = False,
) -> str:
    """Return the answer to "which clusters?", to follow the covariate values.

    Parameters
    ----------
    clusters : {"new", "observed", None}
    cluster_weights : {"size", "equal"}
        For observed clusters.
    n_clusters : sequence of int
        The number of clusters averaged over: of both groups, or of the control and the treatment.
    n_observed : int
        The number of clusters in the data.
    groups : sequence of str or None
        The names of the control and the treatment if each has its own subjects, else None.
    some : bool, optional
        Whether only some of the sample's subjects are meant.
    target : bool, optional
        Whether it is the rows of a target that are averaged over.

    Returns
    -------
    str

    Examples
    --------
    >>> cluster_phrase("observed", "equal", [20], 20, None)
    ', in the 20 observed clusters (each with the same weight)'
    """
    if clusters is None:
        return ""
    if clusters == "new":
        return ", new clusters like these (between-cluster variation integrated out)"
    own = f"number of {'such ' if some else ''}subjects"
    weights = {
        "size": f"each weighted by its {'part of the target' if target else own}",
        "equal": "each with the same weight",
    }
    if target and n_clusters[0] < n_observed:
        whose = f"{n_clusters[0]} of the {n_observed} observed clusters"
    elif groups is None or set(n_clusters) == {n_observed}:
        whose = f"the {n_clusters[0]} observed clusters"
    else:
        numbers = zip(n_clusters, groups, strict=True)
        whose = "the observed clusters, " + " and ".join(f"{n} in {g}" for n, g in numbers)
    return f", in {whose} ({weights[cluster_weights]})"


def _condition(population: Empirical, names: Mapping[Name, str]) -> str:
    """Return which of the sample's subjects are meant, or nothing if all."""
    limits = [f"{names[k]} {_limits(v)}" for k, v in population.ranges if v != EVERYTHING]
    conditions = [f"with {' and '.join(limits)}"] if limits else []
    if population.query is not None:
        conditions.append(f"meeting the query {population.query!r}")
    if population.mask is not None:
        conditions.append("chosen by the mask")
    return " and ".join(conditions)


def _limits(bounds: Range) -> str:
    """Return a range that has a limit in words.

    Examples
    --------
    >>> _limits((40.0, 60.0)), _limits((40.5, math.inf)), _limits((-math.inf, 60.0))
    ('from 40 to 60', 'of at least 40.5', 'of at most 60')
    """
    low, high = bounds
    if high == math.inf:
        return f"of at least {text(low)}"
    if low == -math.inf:
        return f"of at most {text(high)}"
    return f"from {text(low)} to {text(high)}"
