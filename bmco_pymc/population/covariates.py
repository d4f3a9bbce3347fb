"""Covariates of the subjects of a planned trial: where they are drawn from, and what they do."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.errors import InputError
from bmco_pymc.population.log_odds import (
    read_effects,
    read_rates_by_value,
    shift_of,
    shown_effect,
    sizes_of,
)
from bmco_pymc.population.merged import merged
from bmco_pymc.population.mixture import Mixture
from bmco_pymc.population.source_reading import read_source, source_from_description
from bmco_pymc.population.sources import Source

if TYPE_CHECKING:
    import pandas as pd

type Array = NDArray[np.float64]


@dataclass(frozen=True, init=False, eq=False)
class Covariates:
    r"""Covariates of subjects: where their values are from, and their effects on the outcomes.

    Parameters
    ----------
    source : data frame or mapping
        A frame of any library, whose rows are drawn at random with replacement; or for each column
        a distribution of numbers (a frozen one of `scipy.stats`) or of categories (a mapping of
        category to probability), independent of each other.
    log_odds : mapping of column to effect, optional
        What a column adds to the log odds of success in outcome k, the other outcomes being given:
        per unit of a number; of a category a mapping of levels to effects, 0 for levels that are
        not named. An effect is a number for all outcomes of both groups, a list of K, or
        ``{"control": ..., "treatment": ...}`` of either. Columns without one have no effect.
    theta : mapping of one column to its effect, optional
        Instead of ``log_odds`` the success probabilities of both groups at two values of a number,
        ``{"age": {40: {"control": [...], "treatment": [...]}, 60: {...}}}``, or at each level of a
        category. Between and beyond the two values log odds are linear. A scenario then has no
        ``control`` and ``treatment`` of its own: they are averages over the covariate.

    Attributes
    ----------
    source : Rows or Columns
        Where values are drawn from.
    names : tuple of str
        The columns.
    effects : mapping of str to ndarray
        Of each column in ``log_odds``, shape (2, K), or (2, 1) if equal on all outcomes; of a
        category a mapping of its levels to such.
    column : str or None
        The column of ``theta``.
    values : tuple
        Where success probabilities are given.
    rates : ndarray, shape (2, m, K), or None
        The success probabilities there, the control's first.

    Raises
    ------
    InputError
        If an argument cannot be used.

    See Also
    --------
    bmco_pymc.Scenario : With ``covariates=`` it takes them.

    Notes
    -----
    With bits b of the patterns, an effect β and values x, pattern q has

    .. math:: \log \frac{\phi_q(x)}{\phi_Q(x)} = a_q + \sum_k b_{qk} \sum_c \beta_{ck} x_c,

    so that an effect is the same whatever the other outcomes are; the intercepts a are found such
    that φ averaged over the covariates is that of the scenario.

    Examples
    --------
    >>> import numpy as np
    >>> import bmco_pymc as bmco
    >>> from scipy import stats
    >>> covariates = bmco.Covariates(
    ...     {"age": stats.norm(50, 10), "sex": {"f": 0.5, "m": 0.5}},
    ...     log_odds={"age": {"control": 0.02, "treatment": 0.05}, "sex": {"m": [0.3, 0]}},
    ... )
    >>> covariates.names
    ('age', 'sex')
    >>> covariates.draw(np.random.default_rng(1), 2).round(1)
        age sex
    0  53.5   f
    1  58.2   m
    >>> covariates.used, covariates.n_outcomes
    (('age', 'sex'), 2)
    >>> covariates.words.partition(";")[0]
    'Covariates: age from norm(50, 10), sex (f 0.5, m 0.5)'
    """

    source: Source
    names: tuple[str, ...]
    effects: Mapping[str, Any]
    column: str | None
    values: tuple[Any, ...]
    rates: Array | None

    def __init__(
        self,
        source: Any,
        log_odds: Mapping[str, Any] | None = None,
        *,
        theta: Mapping[str, Mapping[Any, Any]] | None = None,
    ) -> None:
        found = read_source(source)
        if log_odds is not None and theta is not None:
            raise InputError("theta", theta, "cannot be given beside log_odds")
        effects = read_effects(found, {} if log_odds is None else log_odds)
        column, values, rates = (
            (None, (), None) if theta is None else read_rates_by_value(found, theta)
        )
        names = tuple(found.levels)
        vars(self).update(source=found, names=names, effects=effects)
        vars(self).update(column=column, values=values, rates=rates)

    def draw(self, rng: np.random.Generator, n: int) -> pd.DataFrame:
        """Return the covariates of n subjects, a row each.

        Parameters
        ----------
        rng : numpy.random.Generator
            Where randomness is from.
        n : int
            How many subjects.

        Returns
        -------
        pandas.DataFrame, shape (n, columns)

        Examples
        --------
        >>> import numpy as np
        >>> import bmco_pymc as bmco
        >>> sexes = {"sex": {"f": 0.5, "m": 0.5}}
        >>> covariates = bmco.Covariates(sexes, log_odds={"sex": {"m": 0.4}})
        >>> covariates.draw(np.random.default_rng(1), 4)["sex"].tolist()
        ['m', 'm', 'f', 'm']
        """
        frame: pd.DataFrame = self.source.draw(rng, n, ())[0]
        return frame

    @property
    def used(self) -> tuple[str, ...]:
        """The columns that have an effect."""
        return tuple(self.effects) if self.column is None else (self.column,)

    @property
    def n_outcomes(self) -> int | None:
        """The number of outcomes that effects are of, None where they are of any number."""
        if self.rates is not None:
            return self.rates.shape[2]
        sizes = {size for effect in self.effects.values() for size in sizes_of(effect)}
        return max(sizes) if sizes and max(sizes) > 1 else None

    def tables(self, k: int) -> dict[str, Array]:
        """Return what each column adds to the log odds of the K outcomes.

        Returns
        -------
        dict of str to ndarray
            Per unit of a number, shape (2, K); of the levels of a category, (2, levels, K).

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> sexes = {"sex": {"f": 0.5, "m": 0.5}}
        >>> covariates = bmco.Covariates(sexes, log_odds={"sex": {"m": 0.4}})
        >>> covariates.tables(1)["sex"].tolist()
        [[[0.0], [0.4]], [[0.0], [0.4]]]
        """
        found: dict[str, Array] = {}
        for name, effect in self.effects.items():
            levels = self.source.levels[name]
            if levels is None:
                found[name] = effect * np.ones((2, k))
            else:
                zero = np.zeros((2, 1))
                found[name] = np.stack(
                    [effect.get(level, zero) * np.ones((2, k)) for level in levels], axis=1
                )
        return found

    def check_outcomes(self, k: int) -> None:
        """Refuse effects on another number of outcomes.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> sexes = {"sex": {"f": 0.5, "m": 0.5}}
        >>> covariates = bmco.Covariates(sexes, log_odds={"sex": {"m": [0.4, 0]}})
        >>> covariates.check_outcomes(2)
        """
        own = self.n_outcomes
        if own not in (None, k) or {s for e in self.effects.values() for s in sizes_of(e)} - {1, k}:
            problem = f"its effects are on {own} outcomes, but there are {k}"
            raise InputError("covariates", self, problem)

    def mixture(self, group: int, k: int) -> Mixture:
        """Return the covariates of a group as nodes for averages.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> sexes = {"sex": {"f": 0.5, "m": 0.5}}
        >>> covariates = bmco.Covariates(sexes, log_odds={"sex": {"m": 0.4}})
        >>> covariates.mixture(0, 1).weight.tolist()
        [0.5, 0.5]
        """
        if self.column is not None:
            return self._between_values(group, k)
        if not self.effects:
            return Mixture.none(2**k)
        tables = self.tables(k)
        steep = {}
        for name, table in tables.items():
            own = self.source.sd(name) if self.source.levels[name] is None else 0.0
            largest = np.abs(table[group]).sum()
            steep[name] = float(largest * own) if math.isfinite(own) else math.inf
        weight, values = self.source.nodes(steep)
        weight, shift = merged(weight, shift_of(tables, values, np.full(len(weight), group)))
        return Mixture.of_offsets(weight, shift @ patterns.bits(k).T.astype(float))

    def _between_values(self, group: int, k: int) -> Mixture:
        assert self.column is not None
        assert self.rates is not None
        levels = self.source.levels[self.column]
        steep = 0.0
        if levels is None:
            logits = np.log(self.rates[group]) - np.log1p(-self.rates[group])  # (2, K)
            per_unit = np.abs(logits[1] - logits[0]).sum() / abs(self.values[1] - self.values[0])
            steep = float(per_unit * self.source.sd(self.column))
        weight, values = self.source.nodes({self.column: steep})
        x = values[self.column]
        if levels is not None:
            basis = np.zeros((len(weight), len(self.values)))
            basis[np.arange(len(weight)), [self.values.index(levels[code]) for code in x]] = 1
        else:
            weight, points = merged(weight, x[:, None].astype(float))
            first, second = self.values
            along = (points[:, 0] - first) / (second - first)
            basis = np.column_stack([1 - along, along])
        return Mixture.of_values(weight, basis, 2**k)

    def described(self) -> dict[str, Any]:
        """Return a description of plain values, such as JSON has; see `from_description`.

        Returns
        -------
        dict

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> sexes = {"sex": {"f": 0.5, "m": 0.5}}
        >>> covariates = bmco.Covariates(sexes, log_odds={"sex": {"m": 0.4}})
        >>> covariates.described()["effects"]
        [{'name': 'sex', 'levels': [['m', [[0.4], [0.4]]]]}]
        """
        effects = []
        for name, effect in self.effects.items():
            if isinstance(effect, Mapping):
                pairs = [[level, value.tolist()] for level, value in effect.items()]
                effects.append({"name": name, "levels": pairs})
            else:
                effects.append({"name": name, "per_unit": effect.tolist()})
        found = {**self.source.described(), "effects": effects}
        if self.rates is not None:
            found["theta"] = {
                "name": self.column,
                "values": list(self.values),
                "rates": self.rates.tolist(),
            }
        return found

    @classmethod
    def from_description(cls, described: Mapping[str, Any]) -> Covariates:
        """Return the covariates that `described` describes.

        Parameters
        ----------
        described : mapping
            What `described` gave.

        Returns
        -------
        Covariates

        Raises
        ------
        InputError
            If it is no such description.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> sexes = {"sex": {"f": 0.5, "m": 0.5}}
        >>> covariates = bmco.Covariates(sexes, log_odds={"sex": {"m": 0.4}})
        >>> bmco.Covariates.from_description(covariates.described()) == covariates
        True
        """
        source = source_from_description(described)
        try:
            effects: dict[str, Any] = {}
            for one in described["effects"]:
                if "levels" in one:
                    effects[one["name"]] = {k: np.asarray(v, float) for k, v in one["levels"]}
                else:
                    effects[one["name"]] = np.asarray(one["per_unit"], float)
            column, values, rates = None, (), None
            if "theta" in described:
                given = described["theta"]
                column, values = given["name"], tuple(given["values"])
                rates = np.asarray(given["rates"], float)
            if not {*effects, *([] if column is None else [column])} <= {*source.levels}:
                raise KeyError("an effect of no column")
        except (KeyError, TypeError, ValueError) as error:
            problem = f"describes no covariates: {error}"
            raise InputError("described", described, problem) from None
        made = cls.__new__(cls)
        vars(made).update(source=source, names=tuple(source.levels), effects=effects)
        vars(made).update(column=column, values=values, rates=rates)
        return made

    @property
    def words(self) -> str:
        """What is drawn, from what, and what it does, in a sentence."""
        text = f"Covariates: {self.source.words}"
        if self.column is not None:
            return f"{text}; success probabilities given by {self.column}."
        parts = [f"{name} {shown_effect(effect)}" for name, effect in self.effects.items()]
        return f"{text}; log odds of success: {'; '.join(parts) or 'no effect'}."

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Covariates):
            return NotImplemented
        return self is other or self.described() == other.described()

    def __hash__(self) -> int:
        return hash(json.dumps(self.described()))

    def __repr__(self) -> str:
        return self.words
