"""How subjects come to a trial: one by one, or in clusters, and by which look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.arguments import one_of, real, whole
from bmco_pymc.errors import InputError

GROUPS = ("control", "treatment")
RANDOMISED = ("clusters", "subjects")
MOST = 2_000  # clusters
LARGEST = 100_000  # subjects of a cluster
VARIED = 3.0  # the largest coefficient of variation of cluster sizes that a gamma can stand for

type Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Subjects:
    """Who is in a trial.

    Attributes
    ----------
    arm : ndarray of int8, shape (n,)
        0 for the control, 1 for the treatment.
    cluster : ndarray of intp, shape (n,), or None
        From 0, in the order in which clusters come.
    look : ndarray of intp, shape (n,)
        The first look, from 0, at which the subject is analysed.
    """

    arm: NDArray[np.int8]
    cluster: Codes | None
    look: Codes

    def __len__(self) -> int:
        return len(self.arm)


@dataclass(frozen=True, eq=False)
class OneByOne:
    """So many subjects in each group at each look.

    Attributes
    ----------
    at : ndarray of int, shape (looks, 2)
        Subjects of the control and of the treatment.
    """

    at: NDArray[np.int64]

    def draw(self, rng: np.random.Generator) -> Subjects:
        """Return the subjects, who are the same in each trial."""
        return self._subjects

    @cached_property
    def _subjects(self) -> Subjects:
        new = np.diff(self.at, axis=0, prepend=0)  # (looks, 2)
        arm = np.repeat(np.tile(np.array([0, 1], dtype=np.int8), len(new)), new.ravel())
        return Subjects(arm, None, np.repeat(np.arange(len(new)), new.sum(axis=1)))


@dataclass(frozen=True)
class Clusters:
    """How many clusters there are, how large, and what is randomised.

    Parameters
    ----------
    number : int or mapping
        Clusters in all; ``{"control": 8, "treatment": 16}`` where whole clusters are randomised and
        the groups differ. An odd number gives the treatment one more.
    size : float or sequence of int
        Subjects of a cluster who are analysed, on average; or those of each cluster.
    cv : float
        Coefficient of variation of the sizes, which are drawn anew in each trial: gamma, at least 1
        subject.
    randomised : {"clusters", "subjects"}
        Whether all subjects of a cluster are in one group, or half of them in each (of an odd
        number the last one's group is drawn).
    """

    number: Any
    size: Any
    cv: float = 0.0
    randomised: str = "clusters"

    def __post_init__(self) -> None:
        problem = "is nothing that can be randomised"
        one_of("randomised", self.randomised, RANDOMISED, problem)
        if isinstance(self.number, Mapping):
            if self.randomised == "subjects" or set(self.number) != set(GROUPS):
                problem = "is the number of all clusters, or of each group where these are of one"
                raise InputError("clusters", self.number, problem, GROUPS)
            both = tuple(whole(f"clusters[{g!r}]", self.number[g], 1, MOST) for g in GROUPS)
            object.__setattr__(self, "number", dict(zip(GROUPS, both, strict=True)))
        else:
            object.__setattr__(self, "number", whole("clusters", self.number, 2, MOST))
        if self.size is None:
            problem = "a design with clusters needs it: subjects of a cluster"
            raise InputError("size", None, problem)
        if isinstance(self.size, Sequence | np.ndarray) and not isinstance(self.size, str):
            sizes = tuple(whole("size", one, 1, LARGEST) for one in self.size)
            if len(sizes) != self.total:
                problem = (
                    f"must have a size for each of the {self.total} clusters, or be their mean"
                )
                raise InputError("size", self.size, problem)
            object.__setattr__(self, "size", sizes)
            if self.cv:
                raise InputError("size_cv", self.cv, "the size of each cluster is given already")
        elif not 1 <= real(self.size) <= LARGEST:
            raise InputError("size", self.size, f"must be from 1 to {LARGEST:,}")
        if not 0 <= real(self.cv) <= VARIED:
            problem = f"must be from 0 to {VARIED:g}: SD of the cluster sizes divided by their mean"
            raise InputError("size_cv", self.cv, problem)

    @property
    def by_group(self) -> tuple[int, int] | None:
        """Clusters of the control and of the treatment; None where each has subjects of both."""
        if self.randomised == "subjects":
            return None
        if isinstance(self.number, Mapping):
            return self.number["control"], self.number["treatment"]
        return self.number // 2, self.number - self.number // 2

    @property
    def total(self) -> int:
        """All clusters."""
        return sum(self.number.values()) if isinstance(self.number, Mapping) else self.number

    @property
    def mean_size(self) -> float:
        """Subjects of a cluster, on average."""
        return float(np.mean(self.size))

    @property
    def subjects(self) -> tuple[int, int]:
        """Subjects of the control and of the treatment who are analysed at the end, about."""
        if self.by_group is None:
            half = self.total * self.mean_size / 2
            return round(half), round(half)
        if isinstance(self.size, tuple):
            arm = self.groups
            return sum(np.array(self.size)[arm == 0]), sum(np.array(self.size)[arm == 1])
        control, treatment = (round(number * self.mean_size) for number in self.by_group)
        return control, treatment

    @property
    def groups(self) -> NDArray[np.int8]:
        """The group of each cluster, in the order in which they come, in turn; shape (J,)."""
        assert self.by_group is not None
        control, treatment = self.by_group
        places = np.concatenate(
            [(np.arange(n) + 0.5) / n + g * 1e-9 for g, n in enumerate((control, treatment))]
        )
        groups = np.repeat(np.array([0, 1], dtype=np.int8), [control, treatment])
        return groups[np.argsort(places, kind="stable")]

    def with_number(self, number: int) -> Clusters:
        """Return so many clusters in all, in the same ratio; mean sizes instead of given ones."""
        size, cv = self.size, self.cv
        if isinstance(size, tuple):
            size, cv = self.mean_size, float(np.std(size) / np.mean(size))
        if isinstance(self.number, Mapping):
            control = round(Fraction(number * self.number["control"], self.total))
            control = min(max(control, 1), number - 1)
            both = {"control": control, "treatment": number - control}
            return replace(self, number=both, size=size, cv=cv)
        return replace(self, number=number, size=size, cv=cv)

    def with_size(self, size: float) -> Clusters:
        """Return as many clusters of another mean size."""
        cv = self.cv
        if isinstance(self.size, tuple):
            cv = float(np.std(self.size) / np.mean(self.size))
        return replace(self, size=size, cv=cv)


@dataclass(frozen=True, eq=False)
class InClusters:
    """So many clusters at each look, or so large a share of the subjects of all clusters.

    Attributes
    ----------
    clusters : Clusters
    at : ndarray, shape (looks,)
        Clusters that have come, or the share of each cluster's subjects.
    by : {"clusters", "subjects"}
        What there is at a look.
    dropout : float
        Share of those enrolled who are lost, each independently.
    """

    clusters: Clusters
    at: NDArray[np.float64]
    by: str = "clusters"
    dropout: float = 0.0

    def draw(self, rng: np.random.Generator) -> Subjects:
        """Draw cluster sizes and who is randomised to what."""
        plan = self.clusters
        sizes = self._sizes(rng)
        cluster = np.repeat(np.arange(len(sizes)), sizes)
        place = np.arange(len(cluster)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        if plan.by_group is None:  # in turn, beginning with a drawn one
            first = rng.integers(0, 2, len(sizes))
            arm = ((place + first[cluster]) % 2).astype(np.int8)
        else:
            arm = plan.groups[cluster]
        if self.by == "clusters":
            look = np.searchsorted(self.at, cluster, side="right")
        else:
            look = np.searchsorted(self.at, (place + 1) / sizes[cluster] - 1e-9)
        return Subjects(arm, cluster, np.minimum(look, len(self.at) - 1))

    def _sizes(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return how many subjects of each cluster are analysed, shape (J,)."""
        plan = self.clusters
        stay = 1 - self.dropout
        mean = np.broadcast_to(np.asarray(plan.size, dtype=float), plan.total) / stay
        if plan.cv:
            shape = plan.cv**-2
            mean = rng.gamma(shape, mean / shape)
        whole_part = np.floor(mean)
        rest = mean - whole_part
        enrolled = whole_part.astype(np.int64)
        if rest.any():
            enrolled += rng.random(len(mean)) < rest
        enrolled = np.maximum(enrolled, 1)
        return rng.binomial(enrolled, stay) if self.dropout else enrolled
