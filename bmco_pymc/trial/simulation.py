"""Trials that are simulated, where their counts are too many to go through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.trial.by_draws import ByDraws
from bmco_pymc.trial.setting import ordered
from bmco_pymc.trial.stages import Side

Array = NDArray[np.float64]

TRIALS = 200_000  # that are decided by looking up tables
TRIALS_BY_DRAWS = 10_000  # each of which needs draws of its own


@dataclass(frozen=True, eq=False)
class Stopped:
    """How simulated trials ended.

    Attributes
    ----------
    success, futile : ndarray of bool, shape (trials, looks)
        At which look each trial stopped, and why; none where it ended without success.
    """

    success: NDArray[np.bool_]
    futile: NDArray[np.bool_]

    @property
    def probabilities(self) -> Array:
        """Probability of success and of futility at each look, shape (looks, 2)."""
        return np.stack([self.success.mean(axis=0), self.futile.mean(axis=0)], axis=1)


def trials_of(side: Side, simulations: int | None) -> int:
    """Return how many trials to simulate."""
    if simulations is not None:
        return simulations
    by_draws = any(isinstance(one, ByDraws) for one in side.decided)
    return TRIALS_BY_DRAWS if by_draws else TRIALS


def simulate(side: Side, phi: Array, trials: int, rng: np.random.Generator) -> Stopped:
    """Simulate trials and stop each when its rule is met, or when it is given up.

    Parameters
    ----------
    side : Side
    phi : ndarray, shape (2, Q) or (trials, 2, Q)
        Pattern probabilities, the control first: of all trials, or of each.
    trials : int
    rng : numpy.random.Generator
    """
    return follow(side, phi, np.zeros((2, phi.shape[-1]), dtype=np.intp), trials, rng)


def follow(
    side: Side, phi: Array, seen: NDArray[np.intp], trials: int, rng: np.random.Generator
) -> Stopped:
    """Simulate what is left of a trial in which these pattern counts (2, Q) have been seen."""
    sizes, looks = side.stages.sizes, len(side.decided)
    success, futile = np.zeros((2, trials, looks), dtype=bool)
    running = np.ones(trials, dtype=bool)
    counts = [np.broadcast_to(seen[g], (trials, phi.shape[-1])).copy() for g in range(2)]
    high, low = ordered(side.direction)
    for look, decided in enumerate(side.decided):
        for g in range(2):
            more = int(sizes[look, g] - counts[g][0].sum())
            counts[g] = counts[g] + rng.multinomial(more, phi[..., g, :], size=trials)
        of = decided.counted.astype(np.intp)
        open_ = np.flatnonzero(running)
        pair = counts[high][open_] @ of, counts[low][open_] @ of  # (N, d)
        success[open_, look] = decided.met(*pair)
        running &= ~success[:, look]
        if (given_up := side.futile[look]) is not None:
            stop = given_up.met(*pair) & running[open_]
            futile[open_, look] = stop
            running &= ~futile[:, look]
    return Stopped(success, futile)
