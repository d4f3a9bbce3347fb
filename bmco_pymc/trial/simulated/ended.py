"""How simulated trials end, and how good their estimates are: from trials to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.decision.rule import Rule
from bmco_pymc.trial.simulated.analysed import Analysed
from bmco_pymc.trial.simulated.estimate import Estimate, mean, plain, root_mean_square, root_of
from bmco_pymc.trial.simulated.mixtures import deciding
from bmco_pymc.trial.simulated.stratified import Strata, doubt_of

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ended:
    """How trials end when they are analysed by one method.

    Attributes
    ----------
    success, futile : ndarray of bool, shape (T, looks)
        The look at which each trial stopped, and why; none where it ended without success.
    inferior : ndarray of bool, shape (T,)
        Whether the left side of a two-sided rule is met.
    claims : ndarray of bool, shape (T, C)
        At the end, each outcome by itself.
    estimate, sd, low, high : ndarray, shape (T, K)
        Of δ, when the trial stopped; NaN where it failed.
    failed : ndarray of bool, shape (T,)
        At a look that was reached.
    """

    success: Flags
    futile: Flags
    inferior: Flags
    claims: Flags
    estimate: Array
    low: Array
    high: Array
    failed: Flags

    @classmethod
    def of(cls, trials: Analysed, rule: Rule, cuts: Array, futility: float | None) -> Ended:
        """Return how they end; a trial that failed at a look does not succeed there.

        Parameters
        ----------
        trials : Analysed
        rule : Rule
            For given outcomes.
        cuts : ndarray, shape (looks,)
        futility : float or None
            Given up where the deciding posterior probability is below.
        """
        decides = deciding(rule, trials.probability)  # (T, looks, sides)
        T, looks = decides.shape[:2]
        met = decides > cuts[:, None]  # NaN is not
        stops = met[..., 0]
        given_up = np.zeros((T, looks), dtype=bool)
        if futility is not None:
            given_up[:, :-1] = (decides[:, :-1, 0] < futility) & ~stops[:, :-1]
        over = stops | given_up
        over[:, -1] = True
        last = over.argmax(axis=1)  # (T,)
        each = np.arange(T)
        reached = np.arange(looks) <= last[:, None]
        success, futile = np.zeros((2, T, looks), dtype=bool)
        success[each, last], futile[each, last] = stops[each, last], given_up[each, last]
        return cls(
            success=success,
            futile=futile,
            inferior=met[:, -1, 1] if met.shape[2] > 1 else np.zeros(T, dtype=bool),
            claims=trials.probability[:, -1, 0] > cuts[-1],
            estimate=trials.estimate[each, last],
            low=trials.low[each, last],
            high=trials.high[each, last],
            failed=(trials.failed & reached).any(axis=1),
        )


@dataclass(frozen=True, eq=False)
class Both:
    """Trials by the fast analysis, and those of them that were analysed by NUTS.

    Attributes
    ----------
    fast, nuts : Analysed
        Without fast ones where NUTS has analysed all.
    rule : Rule
    cuts : ndarray, shape (looks,)
    futility : float or None
    known : bool
        Whether the fast analysis is no approximation, as for BMVB.
    near : ndarray of bool, shape (T,), or None
        Which trials were near the cut-off when those that NUTS analyses were chosen; it is needed
        where both analyses have trials.
    """

    fast: Analysed
    nuts: Analysed
    rule: Rule
    cuts: Array
    futility: float | None = None
    known: bool = False
    near: Flags | None = None

    @cached_property
    def _ends(self) -> tuple[Ended | None, Ended | None]:
        ended = partial(Ended.of, rule=self.rule, cuts=self.cuts, futility=self.futility)
        return tuple(ended(part) if len(part) else None for part in (self.fast, self.nuts))  # type: ignore[return-value]

    @cached_property
    def strata(self) -> Strata:
        """How NUTS has looked at the trials of the fast analysis."""
        assert self.near is not None
        audited = np.searchsorted(self.fast.trial, self.nuts.trial)
        fast, nuts = (deciding(self.rule, part.probability) for part in (self.fast, self.nuts))
        return Strata(self.near, audited, doubt_of(fast, nuts, audited, ~self.near, self.cuts))

    @cached_property
    def doubt_of_claims(self) -> float | None:
        """The share of far trials in which NUTS may claim another outcome."""
        if self.near is None or not len(self.nuts):
            return None
        fast, nuts = self.fast.probability, self.nuts.probability
        return doubt_of(fast, nuts, self.strata.audited, ~self.near, self.cuts)

    @property
    def trial(self) -> NDArray[np.int64]:
        """The numbers of all trials."""
        return self.fast.trial if len(self.fast) else self.nuts.trial

    @cached_property
    def success(self) -> Estimate:
        """The probability of success."""
        return self.probability(lambda ended: ended.success.any(axis=1))

    def probability(
        self,
        of: Callable[[Ended], Flags],
        weight: Flags | None = None,
        *,
        refuse: bool | None = None,
        doubt: float | None = None,
    ) -> Estimate:
        """Return the probability of an event; ``weight`` (T,) says in which trials it counts."""
        fast, nuts = self._ends
        where = np.ones(len(self.trial), dtype=bool) if weight is None else weight
        if fast is None:
            assert nuts is not None
            return plain(of(nuts) & where)
        if nuts is None:
            return plain(of(fast) & where, by="nuts" if self.known else "fast")
        own = of(nuts) & where[self.strata.audited]
        return self.strata.share(of(fast) & where, own, refuse=refuse, doubt=doubt)

    @cached_property
    def failed(self) -> Estimate:
        """The probability that a fit fails, which the distance to the cut-off says nothing of."""
        refuse = self.refused or None
        return self.probability(lambda ended: ended.failed, refuse=refuse, doubt=1.0)

    @cached_property
    def refused(self) -> bool:
        """Whether the fast analysis decides too often otherwise than NUTS."""
        return self.success.by == "nuts" and len(self.fast) > len(self.nuts) > 0

    def average(
        self, of: Callable[[Ended], Array], truth: Array, *, root: bool = False
    ) -> tuple[float, float]:
        """Return the average of a number over trials, and its standard error.

        ``of`` takes how they end; ``truth`` (T,) is taken off, and with ``root`` it is the root of
        the mean square.
        """
        fast, nuts = self._ends
        if fast is None or nuts is None:
            ended = fast or nuts
            assert ended is not None
            return (root_mean_square if root else mean)(of(ended) - truth)
        pair = of(fast) - truth, of(nuts) - truth[self.strata.audited]
        if not root:
            return self.strata.mean(*pair, refuse=self.refused)
        square, error = self.strata.mean(*(one**2 for one in pair), refuse=self.refused)
        if square < 0:  # a few audited trials may take away more than there is
            return root_mean_square(pair[0])
        return root_of(square, error)


def numbers(both: Both, delta: Array, sizes: NDArray[np.int64]) -> xr.Dataset:
    """Return the operating characteristics of a plan under one truth, or averaged over several.

    Parameters
    ----------
    both : Both
    delta : ndarray, shape (D, K)
        The true δ; trials take D truths in turn.
    sizes : ndarray, shape (looks, 2)
        Subjects of each group at each look.

    Returns
    -------
    xarray.Dataset
        See `bmco_pymc.OperatingCharacteristics`.
    """
    rule, trial = both.rule, both.trial
    outcomes, looks = list(rule.outcomes), len(both.cuts)
    true = delta[trial % len(delta)]  # (T, K)
    success, refuse = both.success, both.refused
    event = partial(both.probability, refuse=refuse or None)

    def by_look(name: str) -> list[float]:
        return [event(partial(_column, name=name, place=at)).value for at in range(looks)]

    ends = np.stack([by_look("success"), by_look("futile")], axis=1)  # (looks, 2)
    stopped = ends.sum(axis=1)
    stopped[-1] = max(0.0, 1 - stopped[:-1].sum())
    reached = np.cumsum(stopped)
    median, most = (sizes[int(np.argmax(reached >= q - 1e-9))] for q in (0.5, 0.9))
    audited = 0 if both.known else success.audited
    found: dict[str, Any] = {
        "success": success.value,
        "mcse": success.mcse,
        "stop_success": ("look", ends[:, 0]),
        "stop_futility": ("look", ends[:, 1]),
        "expected_n": ("group", stopped @ sizes),
        "median_n": ("group", median),
        "n90": ("group", most),
        "failed": both.failed.value,
        "failed_mcse": both.failed.mcse,
        "trials": success.n,
        "audited": audited,
        "disagreement": success.disagreement,
        "disagreement_high": success.disagreement_high if audited else np.nan,
        "shift": success.shift,
        "shift_mcse": success.shift_mcse,
        "refused": refuse,
    }
    if len(rule.sides) > 1:
        inferior = event(lambda ended: ended.inferior)
        found |= {"inferior": inferior.value, "inferior_mcse": inferior.mcse}
    if looks == 1 and both.trial.size and _claims(both) == len(outcomes):
        claims = [
            event(partial(_column, name="claims", place=k), doubt=both.doubt_of_claims)
            for k in range(len(outcomes))
        ]
        found["claim"] = ("outcome", [one.value for one in claims])
        found["claim_mcse"] = ("outcome", [one.mcse for one in claims])
    figures: dict[str, list[tuple[float, float]]] = {"bias": [], "rmse": [], "coverage": []}
    for k in range(len(outcomes)):
        own = true[:, k]
        figures["bias"].append(both.average(partial(_column, name="estimate", place=k), own))
        figures["rmse"].append(
            both.average(partial(_column, name="estimate", place=k), own, root=True)
        )
        figures["coverage"].append(both.average(*_covered(both, own, k)))
    for name, pairs in figures.items():
        for suffix, column in zip(("", "_mcse"), zip(*pairs, strict=True), strict=True):
            found[f"{name}{suffix}"] = ("outcome", list(column))
    coords = {
        "look": np.arange(1, looks + 1),
        "group": ["control", "treatment"],
        "outcome": outcomes,
    }
    return xr.Dataset(found, coords=coords)


def _column(ended: Ended, name: str, place: int) -> Any:
    """Return what trials say of one look or outcome, shape (T,)."""
    return getattr(ended, name)[:, place]


def _claims(both: Both) -> int:
    part = both.fast if len(both.fast) else both.nuts
    return part.probability.shape[-1]


def _covered(both: Both, true: Array, k: int) -> tuple[Callable[[Ended], Array], Array]:
    """Return whether the interval holds the true δ, as a number; NaN where it has none."""
    place = {len(both.fast): true}
    if len(both.fast) and len(both.nuts):
        place[len(both.nuts)] = true[np.searchsorted(both.fast.trial, both.nuts.trial)]
    elif not len(both.fast):
        place = {len(both.nuts): true}

    def of(ended: Ended) -> Array:
        low, high = ended.low[:, k], ended.high[:, k]
        own = place[len(low)]
        return np.where(np.isnan(low), np.nan, ((low <= own) & (own <= high)).astype(float))

    return of, np.zeros(len(true))
