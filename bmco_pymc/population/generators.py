"""What the subjects of each truth of a scenario are drawn from: φ, clusters and covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.errors import InputError
from bmco_pymc.population.clusters import Asked, default_between
from bmco_pymc.population.covariates import Covariates
from bmco_pymc.population.mixture import LogitNormal, Mixture
from bmco_pymc.population.pilot import Pilot
from bmco_pymc.population.truth import Truth
from bmco_pymc.population.truths import GROUPS

type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Generators:
    """Clusters and covariates of the truths of a grid.

    Attributes
    ----------
    phi : ndarray, shape (S, 2, Q)
        Averaged over both.
    labels : tuple of str
        Of the truths, for errors.
    icc : ndarray, shape (S, 2, K), or None
    asked : ndarray, shape (S, 2, K (K - 1) / 2), or None
        ICCs of pairs of outcomes; None for the default.
    between : {"logit-normal", "dirichlet"}
        How clusters are distributed.
    group_correlation : float
        Of the effects of a cluster in both groups.
    covariates : Covariates or None
    at : ndarray, shape (S, 2, m, Q), or None
        φ averaged over clusters at the values of a covariate, where that is what is given.
    """

    phi: Array
    labels: tuple[str, ...]
    icc: Array | None = None
    asked: Array | None = None
    between: str = "logit-normal"
    group_correlation: float = 1.0
    covariates: Covariates | None = None
    at: Array | None = None
    _known: dict[bytes, LogitNormal] = field(default_factory=dict)  # a grid repeats itself

    def __len__(self) -> int:
        return len(self.phi)

    @property
    def clustered(self) -> bool:
        """Whether clusters are assumed to differ."""
        return self.icc is not None

    @property
    def icc_between(self) -> Array | None:
        """The ICC of each pair of outcomes, (S, 2, K (K - 1) / 2)."""
        if self.icc is None or self.asked is not None:
            return self.asked
        return default_between(self.phi, self.icc)

    @property
    def effective(self) -> bool:
        """Whether there are covariates with effects."""
        return self.covariates is not None and bool(self.covariates.used)

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """The columns that subjects have."""
        return () if self.covariates is None else self.covariates.names

    def solved(self) -> Generators:
        """Look for the clusters of every truth; φ follows where it is given by a covariate.

        Raises
        ------
        InputError
            If some have none.
        """
        if self.at is None:
            for s in range(len(self)):
                self.truth(s)
            return self
        found = [[self._group(s, group).phi for group in range(2)] for s in range(len(self.at))]
        return replace(self, phi=np.array(found))

    def part(self, which: Sequence[int]) -> Generators:
        """Return those of some truths."""

        def of(array: Array | None) -> Array | None:
            return None if array is None else array[list(which)]

        return replace(
            self, phi=self.phi[list(which)], labels=tuple(self.labels[s] for s in which),
            icc=of(self.icc), asked=of(self.asked), at=of(self.at),
        )  # fmt: skip

    def truth(self, s: int) -> Truth:
        """Return one truth, from which subjects are drawn.

        Raises
        ------
        InputError
            If no clusters have what is asked of them.
        """
        phi, source = self.phi[s], None if self.covariates is None else self.covariates.source
        with np.errstate(divide="ignore"):
            plain = Truth(phi, np.log(phi), source, group_correlation=self.group_correlation)
        if self.between == "dirichlet" and self.icc is not None:
            with np.errstate(divide="ignore"):
                return replace(plain, concentration=1 / self.icc[s, :, 0] - 1)
        if self.icc is None and not self.effective:
            return plain
        both = [self._group(s, group) for group in range(2)]
        base, tables = self._tables(both)
        roots = None if self.icc is None else np.stack([own.root for own in both])
        return replace(plain, base=base, tables=tables, roots=roots)

    def described(self) -> dict[str, Any]:
        """Return a description of plain values; see `generators_from_description`."""
        arrays = {
            name: None if value is None else value.tolist()
            for name, value in {"icc": self.icc, "asked": self.asked, "at": self.at}.items()
        }
        return {
            "kind": "grid",
            "phi": self.phi.tolist(),
            "labels": list(self.labels),
            "between": self.between,
            "group_correlation": self.group_correlation,
            "covariates": None if self.covariates is None else self.covariates.described(),
            **arrays,
        }

    def _tables(self, both: Sequence[LogitNormal]) -> tuple[Array, dict[str, Array]]:
        """Return log weights where covariates are 0, (2, Q), and what covariates add."""
        covariates = self.covariates
        logits = np.stack([own.logits for own in both])  # (2, m, Q)
        if covariates is None or not self.effective:
            return logits[:, 0], {}
        k = patterns.theta_from_phi(self.phi[0]).shape[-1]
        if covariates.column is None:
            bits = patterns.bits(k).T.astype(float)  # (K, Q)
            return logits[:, 0], {n: table @ bits for n, table in covariates.tables(k).items()}
        possible = np.isfinite(logits[:, :1])
        finite = np.where(possible, logits, 0.0)
        impossible = np.where(possible[:, 0], 0.0, -np.inf)
        levels = covariates.source.levels[covariates.column]
        if levels is not None:
            place = [covariates.values.index(level) for level in levels]
            return impossible, {covariates.column: finite[:, place]}
        first, second = covariates.values
        slope = (finite[:, 1] - finite[:, 0]) / (second - first)
        return impossible + finite[:, 0] - first * slope, {covariates.column: slope}

    def _group(self, s: int, group: int) -> LogitNormal:
        """Return the clusters of a group in a truth; without clusters they are all alike."""
        asked = None if self.asked is None else self.asked[s, group]
        icc = np.zeros(self.n_outcomes) if self.icc is None else self.icc[s, group]
        phi = self.phi[s, group][None] if self.at is None else self.at[s, group]
        own = group if self.effective else 0
        other = np.zeros(0) if asked is None else asked
        key = b"|".join(part.tobytes() for part in (phi, icc, np.array(own), other))
        if key not in self._known:
            where = f"{GROUPS[group]} group"
            where += f", scenario {self.labels[s]!r}" if len(self.labels) > 1 else ""
            self._known[key] = Asked(phi, icc, asked, self._mixtures[own], where).clusters()
        return self._known[key]

    @cached_property
    def _mixtures(self) -> list[Mixture]:
        """The covariates of both groups."""
        if self.covariates is None:
            return [Mixture.none(2**self.n_outcomes)] * 2
        return [self.covariates.mixture(group, self.n_outcomes) for group in range(2)]

    @property
    def n_outcomes(self) -> int:
        """The number of outcomes K."""
        n_patterns = (self.phi if self.at is None else self.at).shape[-1]
        return n_patterns.bit_length() - 1


@dataclass(frozen=True, eq=False)
class Joined:
    """The generators of several scenarios, one after another."""

    parts: tuple[Any, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @cached_property
    def phi(self) -> Array:
        """Of all truths."""
        return np.concatenate([part.phi for part in self.parts])

    @property
    def clustered(self) -> bool:
        """Whether clusters differ in some truth."""
        return any(part.clustered for part in self.parts)

    @property
    def icc(self) -> Array | None:
        """Of all truths, 0 where there are no clusters."""
        return self._of_parts([part.icc for part in self.parts])

    @property
    def icc_between(self) -> Array | None:
        """Of all truths, 0 where there are no clusters."""
        return self._of_parts([part.icc_between for part in self.parts])

    @property
    def covariates(self) -> Covariates | None:
        """Those that all truths have; None where they differ."""
        first = self.parts[0].covariates
        return first if all(part.covariates == first for part in self.parts) else None

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """The columns that subjects have in every truth."""
        others = [set(part.covariate_names) for part in self.parts]
        return tuple(n for n in self.parts[0].covariate_names if all(n in own for own in others))

    @property
    def between(self) -> str:
        """How clusters are distributed in the first part that has any."""
        return str(next((part.between for part in self.parts if part.clustered), "logit-normal"))

    @property
    def group_correlation(self) -> float:
        """That of the first part that has clusters."""
        return float(next((p.group_correlation for p in self.parts if p.clustered), 1.0))

    def part(self, which: Sequence[int]) -> Joined:
        """Return those of some truths, each a part of its own."""
        first = np.cumsum([0, *map(len, self.parts)])
        found = []
        for s in which:
            place = int(np.searchsorted(first, s, side="right")) - 1
            found.append(self.parts[place].part([s - int(first[place])]))
        return Joined(tuple(found))

    def truth(self, s: int) -> Any:
        """Return one truth."""
        for part in self.parts:
            if s < len(part):
                return part.truth(s)
            s -= len(part)
        raise IndexError(s)

    def described(self) -> dict[str, Any]:
        """Return a description of plain values."""
        return {"kind": "joined", "parts": [part.described() for part in self.parts]}

    def _of_parts(self, found: Sequence[Array | None]) -> Array | None:
        shape = next((own.shape[1:] for own in found if own is not None), None)
        if shape is None:
            return None
        filled = [
            np.zeros((len(part), *shape)) if own is None else own
            for own, part in zip(found, self.parts, strict=True)
        ]
        return np.concatenate(filled)


type Kind = Generators | Pilot | Joined


def generators_from_description(described: Mapping[str, Any]) -> Kind:
    """Return what `described` of one of them describes.

    Raises
    ------
    InputError
        If it is no such description.
    """
    try:
        kind = described["kind"]
        if kind == "joined":
            return Joined(tuple(generators_from_description(part) for part in described["parts"]))
        if kind == "pilot":
            return Pilot.from_description(described)
        arrays = {
            name: None if described[name] is None else np.asarray(described[name], float)
            for name in ("icc", "asked", "at")
        }
        covariates = described["covariates"]
        return Generators(
            np.asarray(described["phi"], float),
            tuple(map(str, described["labels"])),
            icc=arrays["icc"],
            asked=arrays["asked"],
            between=str(described["between"]),
            group_correlation=float(described["group_correlation"]),
            covariates=None if covariates is None else Covariates.from_description(covariates),
            at=arrays["at"],
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("described", described, f"describes no scenario: {error}") from None
