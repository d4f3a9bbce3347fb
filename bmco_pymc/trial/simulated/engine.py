"""How the trials of a simulation are analysed: how many, by what, on which machines, kept where."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any

from bmco_pymc.arguments import of_kind, one_of, whole
from bmco_pymc.errors import InputError
from bmco_pymc.printing import Declared

METHODS = ("laplace", "nuts")

_SEEDS = 2**64  # what nutpie takes
# Least and most; above the most nothing is done.
_WHOLE: dict[str, tuple[int, float]] = {
    "simulations": (1, 10**9),
    "seed": (0, _SEEDS - 1),
    "audit": (0, 10**9),
    "first": (0, 10**9),
    "draws": (4, 10**7),  # R-hat needs two in each half of a chain
    "tune": (1, 10**7),
    "chains": (1, 10**4),
}


@dataclass(frozen=True, repr=False)
class Engine(Declared):
    """How trials are simulated and analysed where their probabilities cannot be computed.

    Each trial has a number and a random stream of its own, made of ``seed`` and that number: what
    comes out does not depend on the jobs, nor on how often the work was stopped and taken up.

    Parameters
    ----------
    simulations : int, optional
        Trials; the default depends on the analysis.
    seed : int
        Of the trials and of NUTS. The same seed gives the same numbers on one machine with the same
        versions; on others they differ by Monte Carlo error.
    jobs : int
        Trials are analysed in so many processes; -1 is one for each processor. Under
        ``joblib.parallel_config`` the workers are those that it names, on other machines too:
        ``with joblib.parallel_config(backend="dask"): ...``.
    path : str or path-like, optional
        A folder, made if need be, in which analysed trials are kept as the work goes on. The same
        question with the same folder goes on from there: after an interrupt, or with more
        trials. Folders of several machines are joined by copying their files into one.
    audit : int
        So many trials are also analysed by NUTS, and the probabilities are corrected by what it
        decides otherwise than the fast analysis: half of them trials whose decision is close, and
        in either half the first ones. Not used with method "nuts".
    method : {"laplace", "nuts"}
        What analyses all trials: a fast approximation, or NUTS.
    first : int
        Number of the first trial: machines that share a study take trials of different numbers.
    draws, tune, chains : int
        Of NUTS, for each trial; `draws` and `tune` for each chain.

    Raises
    ------
    InputError
        If a setting cannot be used.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> engine = bmco.Engine(1000, jobs=2, first=5000)
    >>> engine.trials, engine.n_audit
    (range(5000, 6000), 200)
    >>> engine.settings
    {'seed': 1, 'nuts': {'draws': 1000, 'tune': 500, 'chains': 2}}
    """

    simulations: int | None = None
    seed: int = 1
    jobs: int = 1
    path: str | os.PathLike[str] | None = None
    audit: int = 200
    method: str = "laplace"
    first: int = 0
    draws: int = 1000
    tune: int = 500
    chains: int = 2

    def __post_init__(self) -> None:
        for name, bounds in _WHOLE.items():
            value = getattr(self, name)
            if value is not None or name != "simulations":
                object.__setattr__(self, name, whole(name, value, *bounds))
        object.__setattr__(self, "jobs", _jobs(self.jobs))
        one_of("method", self.method, METHODS, "there is no such analysis of simulated trials")
        if self.path is not None:
            of_kind("path", self.path, str | os.PathLike, "must be the name of a folder")
            if not os.fspath(self.path):
                raise InputError("path", self.path, "must be the name of a folder")

    @property
    def trials(self) -> range:
        """The numbers of the trials."""
        if self.simulations is None:
            raise InputError("simulations", None, "must be a number of trials")
        return range(self.first, self.first + self.simulations)

    @property
    def n_audit(self) -> int:
        """How many trials NUTS analyses beside the fast analysis."""
        return min(self.audit, len(self.trials)) if self.method == "laplace" else 0

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the numbers of each trial, beside the study itself."""
        nuts = {name: getattr(self, name) for name in ("draws", "tune", "chains")}
        return {"seed": self.seed, "nuts": nuts}

    def resolved(self, default: int) -> Engine:
        """Return the engine with a number of trials: its own, or this one.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Engine().resolved(2000).simulations, bmco.Engine(500).resolved(2000).simulations
        (2000, 500)
        """
        given = self.simulations
        return self if given is not None else dataclasses.replace(self, simulations=default)


def as_engine(value: Any) -> Engine:
    """Return an engine: as it is given, of a method by name, or the default for None.

    Raises
    ------
    InputError
        If the value is something else.

    Examples
    --------
    >>> as_engine(None) == Engine(), as_engine("nuts").method
    (True, 'nuts')
    """
    if value is None or isinstance(value, Engine):
        return value or Engine()
    if isinstance(value, str) and value in METHODS:
        return Engine(method=value)
    raise InputError("engine", value, "must be an Engine, or the name of its method", METHODS)


def _jobs(value: Any) -> int:
    problem = "must be a number of processes, 1 or more, or -1 for one on each processor"
    try:
        jobs = whole("jobs", value, least=-1, most=10**6)
    except InputError:
        raise InputError("jobs", value, problem) from None
    if jobs == 0:
        raise InputError("jobs", value, problem)
    return jobs
