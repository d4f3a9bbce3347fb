"""What a row of the table is made of: runs, and targets for what they measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OURS, PLAIN, BAMBI, BMCO = "bmco_pymc", "plain PyMC", "bambi", "bmco"
PANDAS = "pandas, xarray"


@dataclass(frozen=True)
class Run:
    """One measurement: who does what, in a fresh process.

    Attributes
    ----------
    peer : str
        Who.
    case : str
        Which study or size; with peer and caches it names the run within its row.
    call : str
        ``module:function`` of `benchmarks`, or the name of an R script.
    arguments : mapping
        Of the function.
    caches : {"warm", "cold"}
        Warm: filled beforehand by the same call with the arguments in `fill`.
    fill : mapping, optional
        What fills the caches; None if nothing worth caching is compiled.
    seeded : bool
        Whether the function takes a ``seed``; each repeat has its own.
    repeats : int, optional
        At most so many, for what takes long.
    """

    peer: str
    case: str
    call: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    caches: str = "warm"
    fill: Mapping[str, Any] | None = None
    seeded: bool = True
    repeats: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """The name of the run within its row."""
        return self.case, self.peer, self.caches


@dataclass(frozen=True)
class Quantity:
    """The median over repeats of one measure of a run."""

    measure: str
    case: str
    peer: str = OURS
    caches: str = "warm"


@dataclass(frozen=True)
class Target:
    """What a quantity should be, alone or in relation to another.

    Attributes
    ----------
    words : str
        What is judged.
    ours : Quantity
        What is judged, or the numerator.
    against : Quantity, optional
        The denominator.
    at_most, at_least : float, optional
        The target; one of the two.
    """

    words: str
    ours: Quantity
    against: Quantity | None = None
    at_most: float | None = None
    at_least: float | None = None

    def met(self, value: float) -> bool:
        """Whether a value is as it should be."""
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )

    @property
    def goal(self) -> str:
        """The target in words."""
        bound = f"≤ {self.at_most:g}" if self.at_least is None else f"≥ {self.at_least:g}"
        return bound + (f" × {self.against.peer}" if self.against else "")


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes
    ----------
    name, title, note : str
        For the command line, and for the report.
    runs : tuple of Run
        Alternating within a repeat.
    show : tuple of str
        Measures in the report.
    targets : tuple of Target
    repeats : int
        Of each run, unless the run or the command line says otherwise.
    """

    name: str
    title: str
    note: str
    runs: tuple[Run, ...]
    show: tuple[str, ...]
    targets: tuple[Target, ...]
    repeats: int = 5
