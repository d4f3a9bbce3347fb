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

from bmco_pymc.arguments import EFFECT, check_names, numbers, one_of, texts
from bmco_pymc.effect import Effect
from bmco_pymc.errors import InputError
from bmco_pymc.fit import Fit
from bmco_pymc.log_density import log_likelihood, log_prior
from bmco_pymc.overruled import remarks
from bmco_pymc.per_outcome import read_margins, read_weights
from bmco_pymc.population import Analytical, Empirical, Value
from bmco_pymc.power_scaling import check_draws, importance, sensitivities, weighted
from bmco_pymc.render import as_html, as_text
from bmco_pymc.rules import RULES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POWERS = tuple(np.exp2(np.linspace(-1, 1, 9)).tolist())
FLAT = 0.01  # SD of a log density over the draws: to square it changes weights by one per cent


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivity:
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
        model, found = self.effect.fit.model, []
        if model.design is not None:
            found += [
                f"{remark[0].upper()}{remark[1:]}. Where a prior is much too narrow, half of it or "
                "twice as much says the same: that little changes here does not show that it does "
                "not matter"
                for remark in remarks(model.priors, model.design, model.cells)
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
        """
        from bmco_pymc.sensitivity_plot import draw

        return draw(self)

    def _facts(self) -> tuple[str, list[list[str]], list[str]]:
        outcomes = [str(label) for label in self.effect.delta["outcome"].values]
        head = ["scaled", "power", self.rule, *(f"δ {name}" for name in outcomes), "Pareto k"]
        rows = []
        for (name, power), part in self.table.groupby(["scaled", "power"], sort=False):
            first = part.iloc[0].to_dict()
            mark = "" if first["reliable"] else " (not reliable)"
            rows.append(
                [
                    str(name),
                    f"{power:.3g}",
                    f"{first['probability']:.4f} (MCSE {first['probability_mcse']:.2g})",
                    *(f"{delta:.3f}" for delta in part["delta"]),
                    ("–" if math.isnan(first["pareto_k"]) else f"{first['pareto_k']:.2f}") + mark,
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

    def __str__(self) -> str:
        return as_text(*self._facts())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(*self._facts())


def sensitivity(
    fit: Fit,
    population: Value | Empirical | Analytical | None = None,
    *,
    scale: str | Sequence[str] = ("prior", "likelihood"),
    powers: Sequence[float] = POWERS,
    rule: str = "All",
    direction: str = "right",
    margins: float | Sequence[float] | Mapping[str, float] = 0.0,
    w: Sequence[float] | Mapping[str, float] | None = None,
    **choices: Any,
) -> Sensitivity:
    """Power-scale the prior or the likelihood of a fit; see ``Fit.sensitivity``."""
    check_names(choices, EFFECT)
    model = fit.model
    if fit.is_prior:
        raise InputError("fit", "draws from the prior", "there is no likelihood to set against it")
    names = texts("scale", scale, "must be one word or several")
    blocks = ["phi"] if model.design is None else [b for b in _BLOCKS if b in model.parameters]
    known = ["prior", "likelihood", *blocks]
    for name in names:
        one_of("scale", name, known, f"is no part of {type(model).__name__}")
    if not names:
        raise InputError("scale", scale, "names nothing to scale", known)
    exponents = _checked_powers(powers)
    check_draws(fit)
    effect = fit.effect(population, **choices)
    decision = effect.decide(rule, direction, margins, w)
    if len(decision.sides) > 1:
        problem = "one side at a time; for two-sided decisions look at each"
        raise InputError("direction", direction, problem, ["right", "left"])
    event, single = _events(effect, decision.rule, decision.direction, margins, w)

    posterior = fit.idata["posterior"].to_dataset()
    dims = {dim: posterior.sizes[dim] for dim in ("chain", "draw")}
    flat = {
        name: posterior[name].values.reshape(-1, *posterior[name].shape[2:])
        for name in model.parameters
    }
    densities = {
        name: xr.DataArray(values.reshape(tuple(dims.values())), dims=tuple(dims))
        for name, values in (
            *log_prior(model, flat).items(),
            ("likelihood", log_likelihood(model, flat)),
        )
    }
    densities["prior"] = sum((densities[b] for b in blocks[1:]), start=densities[blocks[0]])
    spread = {name: float(values.std()) for name, values in densities.items()}
    n_draws = dims["chain"] * dims["draw"]
    limit = min(1 - 1 / math.log10(n_draws), 0.7)
    rows = []
    for name in names:
        for power in exponents:
            weight, k = importance((power - 1) * densities[name])
            rows += _rows(name, power, weight, k, effect, event, single, limit)
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {
                    **{k: posterior[k] for k in model.parameters if k != "gamma_cluster"},
                    "theta": effect.theta,
                    "delta": effect.delta,
                }
            ),
            "log_prior": xr.Dataset({f"log_{name}": densities[name] for name in blocks}),
            "log_likelihood": xr.Dataset({"counts": densities["likelihood"]}),
        }
    )
    return Sensitivity(
        table=pd.DataFrame(rows),
        parameters=sensitivities(tree, spread),
        spread=spread,
        effect=effect,
        rule=f"P({decision.rule})",
        idata=tree,
        limit=limit,
    )


_BLOCKS = ("beta", "gamma", "Sigma")


def _rows(
    name: str,
    power: float,
    weight: xr.DataArray,
    k: float,
    effect: Effect,
    event: xr.DataArray,
    single: xr.DataArray,
    limit: float,
) -> list[dict[str, Any]]:
    delta, exact = effect.delta, effect.diagnostics.exact
    mean, error = weighted(delta, weight, independent=exact)
    sd = np.sqrt(weighted((delta - mean) ** 2, weight, independent=exact)[0])
    joint, joint_error = weighted(event, weight, independent=exact)
    marginal, marginal_error = weighted(single, weight, independent=exact)
    return [
        {
            "scaled": name,
            "power": power,
            "outcome": str(outcome),
            "delta": float(mean[place]),
            "delta_mcse": float(error[place]),
            "delta_sd": float(sd[place]),
            "marginal": float(marginal[place]),
            "marginal_mcse": float(marginal_error[place]),
            "probability": float(joint),
            "probability_mcse": float(joint_error),
            "pareto_k": k,
            "reliable": not k > limit,
        }
        for place, outcome in enumerate(delta["outcome"].values)
    ]


def _events(
    effect: Effect, rule: str, direction: str, margins: Any, w: Any
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return where the rule holds (chain, draw), and where each outcome is beyond its margin."""
    outcomes = [str(label) for label in effect.delta["outcome"].values]
    chosen = RULES[rule]
    m = read_margins(margins, outcomes)
    weights = read_weights(w, outcomes, used_by=chosen)
    excess = (effect.delta if direction == "right" else -effect.delta) - m
    return chosen.holds(excess, weights).astype(float), (excess > 0).astype(float)


def _checked_powers(powers: Sequence[float]) -> NDArray[np.float64]:
    problem = "must be numbers greater than 0; 1 is the fit itself"
    values = np.unique(numbers("powers", powers, problem))
    if not values.size or not np.isfinite(values).all() or (values <= 0).any():
        raise InputError("powers", powers, problem)
    return values


def _called(name: str) -> str:
    return f"the {name}" if name in ("prior", "likelihood") else f"the prior of {name}"
