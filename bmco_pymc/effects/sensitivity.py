"""How the posterior moves when the prior or the likelihood is made stronger or weaker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.arguments import numbers, one_of, texts
from bmco_pymc.decision.rule import Rule
from bmco_pymc.effects.effect import Effect, make_effect
from bmco_pymc.effects.power_scaling import importance, sensitivities, weighted
from bmco_pymc.errors import InputError
from bmco_pymc.population.estimand import Estimand
from bmco_pymc.posterior.density import log_likelihood, log_prior
from bmco_pymc.posterior.loo import check_draws
from bmco_pymc.posterior.posterior import Posterior
from bmco_pymc.printing import Facts, Printed
from bmco_pymc.priors.overruled import remarks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POWERS = tuple(np.exp2(np.linspace(-1, 1, 9)).tolist())
FLAT = 0.01  # SD of a log density over the draws: to square it changes weights by one per cent


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivity(Printed):
    """δ and a probability as prior or likelihood is power-scaled; made by ``fit.sensitivity()``.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each component scaled, power and outcome: ``scaled``, ``power``, ``outcome``,
        ``delta``, ``delta_mcse``, ``delta_sd``, ``marginal`` and ``probability`` (joint) with
        ``_mcse``, ``pareto_k`` of the importance weights and whether they are ``reliable``.
    parameters : pandas.DataFrame
        A row for each parameter, θ and δ: the power-scaling sensitivity (cumulative Jensen-Shannon
        distance per doubling) to the ``prior`` and the ``likelihood``, and a ``diagnosis``.
    spread : dict of str to float
        SD over the draws of the log density of each component.
    effect : Effect
        The effect that is looked at.
    rule : str
        The rule whose joint probability it is, in words.
    idata : xarray.DataTree
        Groups ``posterior``, ``log_prior``, ``log_likelihood``, for ``az.plot_psense_dist``.
    limit : float
        Largest Pareto k that counts as reliable: min(1 − 1/log10(S), 0.7) for S draws.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> found = bmco.BMVB(study).fit(seed=1).sensitivity(rule="any")
    >>> found.parameters.loc["delta[y1]", "diagnosis"]
    'no sign of a problem'
    >>> found.notes[0][:64]  # what stands in the way of a conclusion
    'Not reliable with the likelihood to the power 0.5: Pareto k up t'
    """

    table: pd.DataFrame
    parameters: pd.DataFrame
    spread: Mapping[str, float]
    effect: Effect
    rule: str
    idata: xr.DataTree
    limit: float

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands in the way of a conclusion."""
        model, found = self.effect.posterior.model, []
        if model.terms is not None:
            found += [
                f"{remark[0].upper()}{remark[1:]}. Where a prior is much too narrow, half of it or "
                "twice as much says the same: that little changes here does not show that it does "
                "not matter"
                for remark in remarks(model.priors, model.terms, model.cells)
            ]
        for name in self.table["scaled"].unique():
            if self.spread[name] < FLAT:
                found.append(
                    f"The log density of {_called(name)} hardly varies over the draws (SD "
                    f"{self.spread[name]:.2g}): it is flat where the posterior is, and flat to any "
                    "power. That it changes nothing here does not show that it does not matter; "
                    "compare it with other priors (bmco_pymc.compare)"
                )
            part = self.table[(self.table["scaled"] == name) & ~self.table["reliable"]]
            if len(part):
                powers = ", ".join(f"{power:.3g}" for power in part["power"].unique())
                found.append(
                    f"Not reliable with {_called(name)} to the power {powers}: Pareto k up to "
                    f"{part['pareto_k'].max():.2f} is above {self.limit:.2f}, as too few draws "
                    "carry the weight. Take powers closer to 1, more draws, or fit again with "
                    "another prior (bmco_pymc.compare)"
                )
        return tuple(found)

    def plot(self) -> Figure:
        """Draw the probability and each δ against the power.

        Returns
        -------
        matplotlib.figure.Figure
            Powers at which the importance weights are not reliable have hollow marks.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> figure = bmco.BMVB(study).fit(seed=1).sensitivity(rule="any").plot()
        >>> [axes.get_title("left") for axes in figure.axes]
        ['P(Any)', 'δ of y1', 'δ of y2']
        """
        from bmco_pymc.plots.sensitivity import plot_sensitivity

        return plot_sensitivity(self.table, self.effect, self.rule, self.limit)

    def _facts(self) -> Facts:
        deltas = [f"δ {name}" for name in self.effect.outcomes]
        head = ["scaled", "power", self.rule, *deltas, "Pareto k"]
        rows = []
        for (name, power), part in self.table.groupby(["scaled", "power"], sort=False):
            first = part.iloc[0].to_dict()
            k = "–" if math.isnan(first["pareto_k"]) else f"{first['pareto_k']:.2f}"
            rows.append(
                [
                    str(name),
                    f"{power:.3g}",
                    f"{first['probability']:.4f} (MCSE {first['probability_mcse']:.2g})",
                    *(f"{delta:.3f}" for delta in part["delta"]),
                    k if first["reliable"] else f"{k} (not reliable)",
                ]
            )
        return "Sensitivity to power-scaling", [head, *rows], self._sentences()

    def _sentences(self) -> list[str]:
        lines = [f"Estimand: {self.effect.estimand}"]
        delta = self.parameters[self.parameters.index.str.startswith("delta[")]
        for label, row in delta.iterrows():
            lines.append(
                f"{label}: sensitivity to the prior {row['prior']:.3f}, to the likelihood "
                f"{row['likelihood']:.3f}: {row['diagnosis']}."
            )
        lines += [f"Note: {note}." for note in self.notes]
        return [*lines, *str(self.effect.diagnostics).splitlines()]


def sensitivity(
    fit: Posterior,
    estimand: Estimand,
    *,
    scale: str | Sequence[str],
    powers: Sequence[float],
    rule: Rule,
) -> Sensitivity:
    """Power-scale the prior or the likelihood of a fit; see ``Fit.sensitivity``."""
    model = fit.model
    if fit.is_prior:
        raise InputError("fit", "draws from the prior", "there is no likelihood to set against it")
    names = texts("scale", scale, "must be one word or several")
    blocks = ["phi"] if model.terms is None else [b for b in _BLOCKS if b in model.parameters]
    known = ["prior", "likelihood", *blocks]
    for name in names:
        one_of("scale", name, known, f"is no part of {type(model).__name__}")
    if not names:
        raise InputError("scale", scale, "names nothing to scale", known)
    exponents = _checked_powers(powers)
    check_draws(fit)
    effect = make_effect(fit, estimand)
    if len(rule.sides) > 1:
        problem = "one side at a time; for two-sided decisions look at each"
        raise InputError("direction", rule.direction, problem, ["right", "left"])
    rule = rule.for_outcomes(list(effect.outcomes))
    events = rule.events(effect.delta, rule.direction, effect.change)
    event, single = (where.astype(float) for where in events)

    posterior = fit.idata["posterior"].to_dataset()
    shape = posterior.sizes["chain"], posterior.sizes["draw"]
    flat = {name: fit.draws(name) for name in model.parameters}
    log_densities = {**log_prior(model, flat), "likelihood": log_likelihood(model, flat)}
    densities = {
        name: xr.DataArray(values.reshape(shape), dims=("chain", "draw"))
        for name, values in log_densities.items()
    }
    densities["prior"] = sum((densities[b] for b in blocks[1:]), start=densities[blocks[0]])
    spread = {name: float(values.std()) for name, values in densities.items()}
    limit = min(1 - 1 / math.log10(shape[0] * shape[1]), 0.7)
    parts = []
    for name in names:
        for power in exponents:
            weight, k = importance((power - 1) * densities[name])
            what = {"scaled": name, "power": power, "outcome": list(effect.outcomes)}
            found = _weighted(effect, event, single, weight)
            parts.append(pd.DataFrame({**what, **found, "pareto_k": k, "reliable": not k > limit}))
    parameters = {k: posterior[k] for k in model.parameters if k != "gamma_cluster"}
    quantities = {**parameters, "theta": effect.theta, "delta": effect.delta}
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(quantities),
            "log_prior": xr.Dataset({f"log_{name}": densities[name] for name in blocks}),
            "log_likelihood": xr.Dataset({"counts": densities["likelihood"]}),
        }
    )
    return Sensitivity(
        table=pd.concat(parts, ignore_index=True),
        parameters=sensitivities(tree, spread),
        spread=spread,
        effect=effect,
        rule=f"P({rule.words})",
        idata=tree,
        limit=limit,
    )


_BLOCKS = ("beta", "gamma", "Sigma")


def _weighted(
    effect: Effect, event: xr.DataArray, single: xr.DataArray, weight: xr.DataArray
) -> dict[str, Any]:
    """Return the columns of the table that the importance weights change."""
    delta, exact = effect.delta, effect.diagnostics.exact
    mean, error = weighted(delta, weight, independent=exact)
    variance, _ = weighted((delta - mean) ** 2, weight, independent=exact)
    marginal, marginal_error = weighted(single, weight, independent=exact)
    joint, joint_error = weighted(event, weight, independent=exact)
    return {
        "delta": mean.values,
        "delta_mcse": error.values,
        "delta_sd": np.sqrt(variance.values),
        "marginal": marginal.values,
        "marginal_mcse": marginal_error.values,
        "probability": float(joint),
        "probability_mcse": float(joint_error),
    }


def _checked_powers(powers: Sequence[float]) -> NDArray[np.float64]:
    problem = "must be numbers greater than 0; 1 is the fit itself"
    values = np.unique(numbers("powers", powers, problem))
    if not values.size or not np.isfinite(values).all() or (values <= 0).any():
        raise InputError("powers", powers, problem)
    return values


def _called(name: str) -> str:
    return f"the {name}" if name in ("prior", "likelihood") else f"the prior of {name}"
