"""How to draw: numbers of draws, chains and cores, the seed, the sampler's target."""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bmco_pymc.arguments import probability, real, whole
from bmco_pymc.errors import InputError

if TYPE_CHECKING:
    from bmco_pymc.posterior.declaration import Declaration

_SEEDS = 2**64  # what nutpie takes
_CORES = 1024
# Least and most; above the most nothing is done.
_WHOLE: dict[str, tuple[int, float]] = {
    "draws": (1, math.inf),
    "tune": (1, math.inf),  # nutpie cannot do without
    "chains": (1, math.inf),
    "seed": (0, _SEEDS - 1),
    "cores": (1, _CORES),
}
_STATISTICS = 30  # numbers that the sampler says of each draw


@dataclass(frozen=True)
class Settings:
    """How to sample; see `Regression.fit` for what each means."""

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    seed: int | None = None
    cores: int | None = None
    target_accept: float = 0.9

    def __post_init__(self) -> None:
        for name, (least, most) in _WHOLE.items():
            value = getattr(self, name)
            if value is None and name in ("seed", "cores"):
                continue
            object.__setattr__(self, name, whole(name, value, least, most))
        target = probability("target_accept", self.target_accept)
        object.__setattr__(self, "target_accept", target)

    def with_seed(self) -> Settings:
        """Return settings with a seed: the given one, or a fresh one that can be reported."""
        if self.seed is not None:
            return self
        fresh = int(np.random.SeedSequence().generate_state(1)[0])
        return dataclasses.replace(self, seed=fresh)

    def gigabytes(self, numbers: int, warm_up: bool = True) -> float:
        """Return about how much memory the draws take, with so many numbers in each."""
        steps = self.draws + (self.tune if warm_up else 0)
        return 8e-9 * real(self.chains * steps * numbers)

    def check_memory(self, numbers: int, warm_up: bool = True) -> None:
        """Refuse draws that the machine cannot hold.

        Parameters
        ----------
        numbers : int
            Numbers that are held for each draw.
        warm_up : bool
            Whether there is room for tuning steps among them, which the sampler makes beforehand.
        """
        needed, there = self.gigabytes(numbers, warm_up), memory()
        if needed <= there:
            return
        usual = {"draws": 1000, "chains": 4} | ({"tune": 1000} if warm_up else {})
        most = max(usual, key=lambda name: real(getattr(self, name)) / usual[name])
        what = f"takes about {needed:.3g} GB of memory, and there are {there:.3g}: ask for fewer"
        raise InputError(most, getattr(self, most), what)


def of_one_draw(model: Declaration, sampled: int = 0) -> int:
    """Return how many numbers are held for a draw of a model, in the forms that they go through.

    Parameters
    ----------
    model : Declaration
    sampled : int
        Dimension of the sampling space; 0 where the draws are exact.
    """
    coords = model.coords
    reported = sum(
        math.prod(len(coords[dim]) for dim in dims) for dims in model.parameters.values()
    )
    return 2 * reported + (2 * (sampled + _STATISTICS) if sampled else 0)


def memory() -> float:
    """Return the machine's memory in gigabytes; where it cannot be asked, what is large today."""
    try:
        return 1e-9 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return 64.0
