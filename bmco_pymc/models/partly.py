"""The counts of BMVB by group, subjects observed in part among them, and how φ is drawn then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import observed_patterns
from bmco_pymc.data.cells import Cells
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError
from bmco_pymc.models.augmentation import MOST_STEPS, Augmentation
from bmco_pymc.models.monotone import draw_monotone, order_of
from bmco_pymc.priors.components import Components, draw_phi, posterior_components
from bmco_pymc.progress import reporting

type Array = NDArray[np.float64]

MUCH = 5_000_000  # imputations, which take seconds

EXACT, MONOTONE, AUGMENTED = "exact", "exact, monotone missing outcomes", "data augmentation"


@dataclass(frozen=True, eq=False)
class Group:
    """What was observed of one group, and its prior.

    Attributes
    ----------
    label : str
    prior : (ndarray, ndarray)
        Weights (M,) and alphas (M, Q).
    counts : ndarray of int64, shape (Q,)
        Subjects of each pattern.
    code, number : ndarray, shape (e,)
        Observed patterns of the others, and how many they are.
    """

    label: str
    prior: Components
    counts: NDArray[np.int64]
    code: NDArray[np.intp]
    number: NDArray[np.int64]

    @property
    def order(self) -> tuple[int, ...] | None:
        """Outcomes in an order in which missing ones are monotone."""
        return order_of(self.code, len(self.counts).bit_length() - 1)

    @property
    def sampler(self) -> str:
        """How φ is drawn."""
        if not len(self.code):
            return EXACT
        return AUGMENTED if self.order is None else MONOTONE

    def draw(self, shape: tuple[int, int], rng: np.random.Generator, *, progress: bool) -> Array:
        """Return independent draws of φ from the posterior, shape (*shape, Q).

        Raises
        ------
        InputError
            If data augmentation would take too long, as where outcomes are never seen together.
        """
        if not len(self.code):
            return draw_phi(*posterior_components(*self.prior, self.counts), shape, rng)
        order, size, counts = self.order, shape[0] * shape[1], self.counts.astype(float)
        if order is not None:
            phi = draw_monotone(*self.prior, counts, self.code, self.number, order, size, rng)
            return phi.reshape(*shape, -1)
        agree = observed_patterns.agreeing(len(counts).bit_length() - 1)[self.code].astype(float)
        chains = Augmentation(*self.prior, counts, agree, self.number)
        if chains.steps > MOST_STEPS:
            problem = (
                f"a share of {chains.rate:.5f} of the information on some patterns of group "
                f"{self.label!r} is missing: outcomes that are hardly ever observed together leave "
                f"their correlation to the prior, and data augmentation takes {chains.steps} steps "
                "for each draw. Fit a BGLM, which is sampled otherwise, or the outcomes one by one"
            )
            raise InputError("missing", "mar", problem)
        long = chains.steps * len(self.code) * size > MUCH
        with reporting(progress and long) as report:
            text = f"Completing {self.label}"
            phi = chains.draw(size, rng, lambda done: report.count(text, done, chains.steps))
        return phi.reshape(*shape, -1)


def groups(study: Study, cells: Cells, prior: Sequence[Components]) -> list[Group]:
    """Return both groups, the control first; ``cells`` has one cell for each."""
    found = []
    for arm, label in enumerate(study.group_labels):
        code = number = np.zeros(0, dtype=np.int64)
        if cells.partial is not None:
            mine = cells.partial.cell == arm
            code, number = cells.partial.code[mine], cells.partial.count[mine]
        found.append(Group(label, prior[arm], cells.counts[arm], code, number))
    return found


def sampler(groups: Sequence[Group]) -> str:
    """Return how φ of both groups is drawn, the less direct way if they differ."""
    return max((group.sampler for group in groups), key=[EXACT, MONOTONE, AUGMENTED].index)


def by_signs(cells: Cells) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.int64]]]:
    """Yield each set of outcomes that alone were observed of some subjects, one cell a group.

    Yields
    ------
    signs : str
        Such as ``x?``: the first outcome was observed, the second was not.
    merged : ndarray of bool, shape (Q, C)
        Which patterns make up each of its C observed patterns.
    counts : ndarray of int64, shape (2, C)
        Subjects of each group.
    """
    if cells.partial is None:
        return
    K = cells.n_outcomes
    signs = np.array(observed_patterns.signs(K))
    for one in dict.fromkeys(signs[cells.partial.code].tolist()):
        codes = np.flatnonzero(signs == one)
        counts = np.zeros((2, len(codes)), dtype=np.int64)
        mine = signs[cells.partial.code] == one
        place = np.searchsorted(codes, cells.partial.code[mine])
        np.add.at(counts, (cells.partial.cell[mine], place), cells.partial.count[mine])
        yield one, observed_patterns.agreeing(K)[codes].T, counts
