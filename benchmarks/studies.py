"""The studies that are timed, as plain tables: what every peer gets, without the package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

INTERCEPT, GROUP = "Intercept", "group"
VARIANCE = 10.0  # of the normal prior of each raw coefficient


@dataclass(frozen=True)
class Plan:
    """A study: a table and its roles.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per subject.
    outcomes : tuple of str
        Columns of the binary outcomes.
    group, control, treatment : str
        Column of the groups, and its two labels.
    covariate : str
        Its column; the analysis has group, covariate and their product.
    cluster : str, optional
        Column of the clusters.
    random : tuple of str
        The terms that vary between clusters, of ``"Intercept"`` and ``"group"``.
    """

    table: pd.DataFrame
    outcomes: tuple[str, ...]
    group: str
    control: str
    treatment: str
    covariate: str
    cluster: str | None = None
    random: tuple[str, ...] = ()

    @property
    def formulas(self) -> tuple[str, str]:
        """The formulas of all terms and of the random ones."""
        terms = {INTERCEPT: "1", GROUP: self.group}
        return f"{self.group} * {self.covariate}", " + ".join(terms[term] for term in self.random)

    @property
    def arm(self) -> NDArray[np.float64]:
        """1 for the treatment and 0 for the control, shape (n,)."""
        return np.where(self.table[self.group] == self.treatment, 1.0, 0.0)

    @property
    def pattern(self) -> NDArray[np.int64]:
        """The position of each subject's response pattern, all-success first, shape (n,)."""
        bits = self.table[list(self.outcomes)].to_numpy(int)  # (n, K)
        place = 2 ** np.arange(bits.shape[1])[::-1]
        return 2 ** bits.shape[1] - 1 - bits @ place

    @property
    def cluster_code(self) -> NDArray[np.int64]:
        """The cluster of each subject, shape (n,)."""
        if self.cluster is None:
            return np.zeros(len(self.table), dtype=np.int64)
        return pd.factorize(self.table[self.cluster], sort=True)[0].astype(np.int64)


def plan(name: str, *, other: bool = False) -> Plan:
    """Return a study of the package: ``"schools"``, ``"trial"`` or ``"multisite"``.

    Parameters
    ----------
    name : str
        Which.
    other : bool
        Another study with the same groups and clusters but other subjects: what fills the caches
        before a run with warm caches, and what is asked after it.
    """
    trial = {"outcomes": ("y1", "y2"), "group": "arm", "control": "ctl", "treatment": "trt"}
    if name == "schools":
        chosen = Plan(
            _read("schools.csv"),
            outcomes=("math_pass", "reading_pass"),
            group="method",
            control="traditional",
            treatment="new_method",
            covariate="baseline_ability",
            cluster="school_id",
            random=(INTERCEPT,),
        )
    elif name == "trial":
        chosen = Plan(_read("flat_trial.csv"), covariate="x", **trial)  # type: ignore[arg-type]
    elif name == "multisite":
        sites = {"cluster": "site", "random": (INTERCEPT, GROUP)}
        table = _read("multisite_trial.csv")
        chosen = Plan(table, covariate="x", **trial, **sites)  # type: ignore[arg-type]
    else:
        raise ValueError(f"no study {name!r}: schools, trial or multisite")
    return _resampled(chosen) if other else chosen


def _read(name: str) -> pd.DataFrame:
    found = find_spec("bmco_pymc")  # does not import it: peers must not pay for the package
    assert found is not None
    assert found.origin is not None
    return pd.read_csv(Path(found.origin).parent / "data" / name)


def _resampled(chosen: Plan) -> Plan:
    """Return a study with nine tenths of the subjects of each group of each cluster, anew."""
    rng = np.random.default_rng(7)
    by = [chosen.group, *([chosen.cluster] if chosen.cluster else [])]
    rows = [
        rng.choice(part, size=max(1, int(0.9 * len(part))))
        for part in chosen.table.groupby(by).indices.values()
    ]
    table = chosen.table.iloc[np.sort(np.concatenate(rows))].reset_index(drop=True)
    table[chosen.covariate] += rng.normal(0, 0.1 * table[chosen.covariate].std(), len(table))
    return replace(chosen, table=table)


def simulated(n: int, clusters: int, *, stage: bool = False, seed: int = 20261122) -> Plan:
    """Simulate a study with both groups in every cluster.

    Parameters
    ----------
    n, clusters : int
        Subjects and clusters; the random term is the intercept.
    stage : bool
        Whether the covariate has four levels, ``"I"`` to ``"IV"``; otherwise it is age.
    seed : int
        Of the random numbers.
    """
    rng = np.random.default_rng(seed)
    site = np.arange(n) % clusters
    arm = rng.integers(0, 2, n)
    if stage:
        level = rng.choice(4, size=n, p=[0.4, 0.3, 0.2, 0.1])
        covariate = _labelled(level, ["I", "II", "III", "IV"])
        x = level - 1.0
    else:
        x = rng.normal(0, 1, n)
        covariate = pd.Series(50 + 10 * x)
    # Patterns 11, 10, 01, and 00 as the reference.
    coefficients = np.array([[-0.3, -0.2, 0.1], [0.6, 0.3, 0.2], [0.4, 0.2, 0.1], [0.1, 0.0, -0.1]])
    deviations = rng.normal(0, [0.6, 0.4, 0.4], (clusters, 3))
    noise = rng.gumbel(size=n)  # that of the reference
    best, pattern = noise, np.full(n, 3)
    for q in range(3):
        b = coefficients[:, q]
        eta = b[0] + b[1] * arm + (b[2] + b[3] * arm) * x + deviations[site, q]
        eta += rng.gumbel(size=n)
        pattern[eta > best] = q
        best = np.maximum(best, eta)
    table = pd.DataFrame(
        {
            "site": site,
            "arm": _labelled(arm, ["control", "treatment"]),
            "stage" if stage else "age": covariate,
            "y1": (pattern < 2).astype(np.int8),
            "y2": (pattern % 2 == 0).astype(np.int8),
        }
    )
    return Plan(
        table,
        outcomes=("y1", "y2"),
        group="arm",
        control="control",
        treatment="treatment",
        covariate="stage" if stage else "age",
        cluster="site",
        random=(INTERCEPT,),
    )


def _labelled(codes: NDArray[np.int64], labels: list[str]) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(labels)))
