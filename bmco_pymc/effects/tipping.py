"""How far unobserved outcomes must depart from missing at random for the decision to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.data import missing
from bmco_pymc.decision.decision import Decision
from bmco_pymc.decision.rule import Rule
from bmco_pymc.effects.crossings import between, lines, nearest
from bmco_pymc.effects.effect import Effect
from bmco_pymc.effects.shifted import GRID, thetas_at
from bmco_pymc.effects.shifts import finite
from bmco_pymc.errors import InputError
from bmco_pymc.printing import Facts, Printed
from bmco_pymc.report import tipping as words
from bmco_pymc.report.sentences import criterion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATES = ("group", "outcome", "shift", "missing", "success")


@dataclass(frozen=True, eq=False, repr=False)
class TippingPoint(Printed):
    """θ, δ and the decision as unobserved outcomes depart from MAR; by ``fit.tipping_point()``.

    Attributes
    ----------
    effect : Effect
        That under missing at random (MAR), the shift 0 of both groups.
    rule : Rule
        The rule, for these outcomes.
    outcomes : tuple of str
        Those whose unobserved values are shifted.
    theta_control, theta_treatment : DataArray, dims (chain, draw, outcome, shift)
        Success probabilities of the group at each of its shifts, on the scale of log odds.
    decided : xarray.Dataset
        ``probability`` of the rule (joint), its ``mcse`` and, where all draws agree, ``bound``;
        ``statistic``, which decides, and whether the side is ``met``: dims (side, shift_control,
        shift_treatment); ``decision``, the verdict, dims (shift_control, shift_treatment).
    unobserved : pandas.DataFrame
        A row for each group and outcome: subjects ``missing`` it, their ``share`` of the group,
        whether they are ``shifted``, and the posterior mean of ``success`` among them under MAR.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> trial = bmco.load_trial()
    >>> trial["y2"] = trial["y2"].astype(float).mask(trial.index % 5 == 0)
    >>> study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")
    >>> found = bmco.BMVB(study).fit(seed=1).tipping_point(rule="comp")
    >>> found.unobserved[["group", "outcome", "missing", "shifted"]]
      group outcome  missing  shifted
    0   ctl      y1        0    False
    1   ctl      y2       24     True
    2   trt      y1        0    False
    3   trt      y2       24     True
    >>> found.decision.decision, found.at(control=2).decision
    ('superior', 'not superior')
    >>> found.nearest[["moved", "shift_control", "shift_treatment", "decision"]].round(1)
           moved  shift_control  shift_treatment      decision
    0  treatment            0.0             -0.5  not superior
    1    control            0.5              0.0  not superior
    2       both            0.3             -0.3  not superior
    >>> found.table[["shift_control", "shift_treatment", "decision"]].tail(1)
         shift_control  shift_treatment  decision
    168            3.0              3.0  superior
    >>> found.line[["shift_control", "shift_treatment"]].head(1).round(1)
       shift_control  shift_treatment
    0           -3.0              NaN
    >>> found.rates.query("shift == 0")[["group", "outcome", "missing", "success"]].round(1)
       group outcome  missing  success
    6    ctl      y2       24      0.4
    19   trt      y2       24      0.5
    >>> dict(found.delta.sizes)
    {'chain': 4, 'draw': 2500, 'outcome': 2, 'shift_control': 13, 'shift_treatment': 13}
    >>> found.probability.dims
    ('side', 'shift_control', 'shift_treatment')
    """

    effect: Effect
    rule: Rule
    outcomes: tuple[str, ...]
    theta_control: xr.DataArray
    theta_treatment: xr.DataArray
    decided: xr.Dataset
    unobserved: pd.DataFrame

    @property
    def decision(self) -> Decision:
        """What is decided under MAR."""
        return self.effect.decide(self.rule)

    @property
    def delta(self) -> xr.DataArray:
        """Draws of δ; dims (chain, draw, outcome, shift_control, shift_treatment)."""
        control = self.theta_control.rename(shift=GRID[0])
        return (self.theta_treatment.rename(shift=GRID[1]) - control).transpose(
            "chain", "draw", "outcome", *GRID
        )

    @property
    def probability(self) -> xr.DataArray:
        """Joint probability of the rule; dims (side, shift_control, shift_treatment)."""
        return self.decided["probability"]

    @property
    def table(self) -> pd.DataFrame:
        """A row per pair of shifts, unrounded.

        Columns: ``shift_control`` and ``shift_treatment``; the posterior means of θ and δ, named as
        in `Effect.summary`; ``probability`` (joint), ``mcse``, ``bound`` and ``statistic``, which
        decides, when two-sided with ``left_`` before those of the left side; ``decision``.
        """
        columns: dict[str, Any] = {}
        grid = xr.zeros_like(self.decided["probability"].isel(side=0, drop=True))
        for group, theta, dim in zip(self.effect.groups, self._thetas, GRID, strict=True):
            mean = theta.mean(("chain", "draw")).rename(shift=dim)
            for k, outcome in enumerate(self.effect.outcomes):
                columns[f"theta[{group}, {outcome}]"] = mean.isel(outcome=k, drop=True) + grid
        for outcome in self.effect.outcomes:
            one, other = (columns[f"theta[{group}, {outcome}]"] for group in self.effect.groups)
            columns[f"delta[{outcome}]"] = other - one
        for place, side in enumerate(self.rule.sides):
            start = "left_" if place and side == "left" else ""
            own = self.decided.isel(side=place, drop=True)
            names = ("probability", "mcse", "bound", "statistic")
            columns |= {f"{start}{name}": own[name] for name in names}
        columns["decision"] = self.decided["decision"]
        pairs = pd.MultiIndex.from_product([self.decided[dim].values for dim in GRID], names=GRID)
        flat = {name: values.transpose(*GRID).values.ravel() for name, values in columns.items()}
        return pd.DataFrame(flat, index=pairs).reset_index()

    @cached_property
    def line(self) -> pd.DataFrame:
        """At which shift of the treatment the decision changes, by shift of the control.

        Columns ``direction``, ``shift_control`` and ``shift_treatment``, which is NaN where it does
        not change within the shifts: there the deciding probability of that side crosses its
        cut-off, with θ of each draw linear between the shifts of the table. Beside the control's
        shifts there are rows for where the line leaves the treatment's.
        """
        return lines(self.theta_control, self.theta_treatment, self.rule)

    @cached_property
    def nearest(self) -> pd.DataFrame:
        """How far one must go from MAR until the decision is another.

        A row for the ``treatment`` moved alone, the ``control`` alone, and ``both`` as far in
        opposite directions (``moved``), of the groups with several shifts: the shifts, the
        ``decision`` beyond, the ``direction`` of the rule that makes it another, and success among
        the unobserved there, ``success[group, outcome]``. NaN where the decision is the same up to
        the ends of the shifts.
        """
        varied = tuple(theta.sizes["shift"] > 1 for theta in self._thetas)
        found = nearest(*self._thetas, self.rule, (varied[0], varied[1]))
        for g, k, row in self._shifted():
            theta = self._thetas[g].isel(outcome=[k])
            moved = between(theta, found[GRID[g]].fillna(0).to_numpy(float))
            success = pd.Series(_success(moved, between(theta, np.zeros(1)), row))
            name = f"success[{row['group']}, {row['outcome']}]"
            found[name] = success.where(found[GRID[g]].notna())
        return found

    def at(self, control: float = 0.0, treatment: float = 0.0) -> Decision:
        """Decide at one pair of shifts, whether it is in the table or not.

        Parameters
        ----------
        control, treatment : float
            What is added to the log odds of success of unobserved outcomes.

        Returns
        -------
        Decision
            As `Effect.decide` gives it; at 0 and 0 the same.

        Raises
        ------
        InputError
            If a shift is no finite number, or that of a group with nothing to shift.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> trial["y2"] = trial["y2"].astype(float).mask(trial.index % 5 == 0)
        >>> study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")
        >>> found = bmco.BMVB(study).fit(seed=1).tipping_point(rule="comp")
        >>> found.at(treatment=-2).caveats
        ('the log odds of success where y2 was not observed are shifted by 0 in ctl and -2 in trt',)
        """
        shifts = finite("control", control), finite("treatment", treatment)
        for name, shift, can in zip(("control", "treatment"), shifts, self._can_move, strict=True):
            if shift and not can:
                raise InputError(name, shift, "nothing of it is unobserved that could be shifted")
        if not any(shifts):
            return self.decision
        thetas = thetas_at(self.effect, ((shifts[0],), (shifts[1],)), self._places)[0]
        one, other = (theta.isel(shift=0, drop=True) for theta in thetas)
        named = zip(self.effect.groups, shifts, strict=True)
        told = " and ".join(f"{shift:g} in {group}" for group, shift in named)
        which = " and ".join(self.outcomes)
        said = missing.caveat(self.effect.posterior.model.cells)
        caveat = f"the log odds of success where {which} was not observed are shifted by {told}"
        shifted = replace(
            self.effect,
            delta=(other - one).rename("delta"),
            caveats=(*(text for text in self.effect.caveats if text not in said), caveat),
        )
        return shifted.decide(self.rule)

    def plot(self) -> Figure:
        """Draw what decides over both shifts, and the line where the decision changes.

        Returns
        -------
        matplotlib.figure.Figure
            A panel for each direction of the rule; where only one group has unobserved outcomes, a
            curve. On top and at the right, success among the unobserved.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> trial = bmco.load_trial()
        >>> trial["y2"] = trial["y2"].astype(float).mask(trial.index % 5 == 0)
        >>> study = bmco.Study(trial, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")
        >>> figure = bmco.BMVB(study).fit(seed=1).tipping_point(rule="comp").plot()
        >>> figure.axes[0].get_xlabel()
        'shift of the log odds, ctl'
        """
        from bmco_pymc.plots.tipping import plot_tipping

        return plot_tipping(
            self.decided, self.line, self.nearest, self.rates, self.decision, self.effect
        )

    @property
    def rates(self) -> pd.DataFrame:
        """Success among the unobserved at each shift, a row for each group, outcome and shift.

        Columns ``group``, ``outcome``, ``shift``, ``missing`` (subjects) and ``success``.
        """
        parts = []
        for g, k, row in self._shifted():
            theta = self._thetas[g].isel(outcome=[k]).rename(shift="at")
            success = _success(theta, theta.sel(at=[0]), row)
            what = {name: row[name] for name in ("group", "outcome", "missing")}
            parts.append(pd.DataFrame({**what, "shift": theta["at"].values, "success": success}))
        return pd.concat(parts, ignore_index=True)[[*RATES]]

    def _shifted(self) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Give the places of group and outcome, and the row, of what is shifted."""
        for row in self.unobserved[self.unobserved["shifted"]].to_dict("records"):
            named = {str(name): value for name, value in row.items()}
            yield (
                self.effect.groups.index(named["group"]),
                self.effect.outcomes.index(named["outcome"]),
                named,
            )

    @property
    def _thetas(self) -> tuple[xr.DataArray, xr.DataArray]:
        return self.theta_control, self.theta_treatment

    @property
    def _places(self) -> list[int]:
        return [self.effect.outcomes.index(name) for name in self.outcomes]

    @property
    def _can_move(self) -> tuple[bool, bool]:
        groups = {g for g, _, _ in self._shifted()}
        return 0 in groups, 1 in groups

    def _facts(self) -> Facts:
        control, treatment = self.effect.groups
        told = self.decision, self.nearest, self.unobserved
        ends = [(theta["shift"].values[0], theta["shift"].values[-1]) for theta in self._thetas]
        said = missing.caveat(self.effect.posterior.model.cells)
        caveats = [text for text in self.decision.caveats if text not in said]
        sentences = [
            *words.sentences(*told, ends),
            *self.effect.posterior.model.partly_observed,
            f"Estimand: {self.effect.estimand}",
            *(f"Caveat: {text}." for text in caveats),
            *str(self.effect.diagnostics).splitlines(),
        ]
        title = f"Tipping point of {treatment} compared with {control}: {criterion(self.decision)}"
        return title, words.table_of(*told), sentences


def _success(theta: xr.DataArray, mar: xr.DataArray, row: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return success among the unobserved, from what θ of the group gains; dims (…, at)."""
    gain = (theta.values - mar.values).mean(axis=(0, 1))[0]  # of one outcome, shape (at,)
    return row["success"] + gain / row["share"]
