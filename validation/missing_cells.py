"""The analyses that are calibrated with outcomes missing, and who loses what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

import bmco_pymc as bmco

RANKED = 199  # draws of a posterior: the truth is above the 5th and below the 195th in 95 of 100
DRAWS, TUNE, CHAINS = 600, 500, 2

type Model = bmco.BMVB | bmco.BGLM | bmco.BGLMM
type Maker = Callable[[pd.DataFrame, Sequence[str], str], Model]


@dataclass(frozen=True)
class Cell:
    """An analysis, and how outcomes go missing in its studies.

    Attributes
    ----------
    title : str
    studies : int
        In a full run.
    model : callable
        From a table, the outcomes and the treatment of missing ones to the model.
    subjects : int
    lost : tuple of (share, outcomes)
        Each subject is at risk to lose one of these sets of outcomes, drawn by their shares, or
        none if these do not sum to one.
    outcomes, clusters : int
    own : bool
        Whether the risk depends on the lost outcomes themselves, so that they are not missing at
        random.
    risk : float
        Logit of the risk of a subject with x = 0 and as many successes as failures.
    """

    title: str
    studies: int
    model: Maker
    subjects: int
    lost: tuple[tuple[float, tuple[int, ...]], ...]
    outcomes: int = 2
    clusters: int = 0
    own: bool = False
    risk: float = 0.0


def gone(
    cell: Cell,
    arm: NDArray[np.int64],
    x: NDArray[np.float64],
    y: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Return which outcomes are not observed, shape (n, K).

    In the treatment group successes on the other outcomes raise the risk, in the control group
    failures do; x raises it in both. What the risk depends on is observed of whoever is at it.
    """
    share = [part for part, _ in cell.lost]
    at_risk = rng.choice(len(share) + 1, len(arm), p=[*share, max(1 - sum(share), 0)])
    absent = np.zeros(y.shape, dtype=bool)
    for kind, (_, lost) in enumerate(cell.lost):
        mine = np.isin(np.arange(cell.outcomes), lost)
        told = 2 * y[:, mine if cell.own else ~mine].mean(axis=1) - 1  # from -1 to 1
        risk = expit(cell.risk + 0.5 * x + (2 * arm - 1) * told)
        unlucky = (at_risk == kind) & (rng.random(len(arm)) < risk)
        absent[np.ix_(unlucky, mine)] = True
    return absent


def _bmvb(phi: bmco.Dirichlet | bmco.Mixture) -> Maker:
    def model(table: pd.DataFrame, names: Sequence[str], missing: str) -> bmco.BMVB:
        study = bmco.Study(table, names, "arm", "old", "new", missing=missing)
        return bmco.BMVB(study, bmco.Priors(phi=phi))

    return model


# Negative intercepts of three logits make successes go together, so that what is missing with one
# outcome matters for the other.
LEVEL: dict[str, Any] = {"mean": -1.0, "sd": 1.0}
SLOPE = 0.7


def _bglm(table: pd.DataFrame, names: Sequence[str], missing: str) -> bmco.BGLM:
    study = bmco.Study(table, names, "arm", "old", "new", missing=missing)
    beta = bmco.Normal([LEVEL["mean"], 0, 0, 0], sd=[LEVEL["sd"], SLOPE, SLOPE, SLOPE])
    return bmco.BGLM(study, "arm * x", bmco.Priors(beta=beta, contrasts="reference"))


def _bglmm(table: pd.DataFrame, names: Sequence[str], missing: str) -> bmco.BGLMM:
    study = bmco.Study(table, names, "arm", "old", "new", cluster="site", missing=missing)
    priors = bmco.Priors(
        beta=bmco.Normal(0, sd=SLOPE),
        gamma=bmco.Normal(**LEVEL),
        Sigma=bmco.InverseWishart(6, 2.0),
        contrasts="reference",
    )
    return bmco.BGLMM(study, "arm * x", "1", priors)


ONE, EITHER = ((1.0, (1,)),), ((0.8, (1,)), (0.2, (0,)))
TOGETHER = bmco.Dirichlet([4, 2, 2, 4], treatment=[4.5, 2, 1.5, 3])
THREE = bmco.Dirichlet([3, 1, 1, 1, 1, 1, 1, 3])
# Robust priors: of 120 and 80 others, which this study's subjects may be unlike.
ROBUST = bmco.Mixture(
    [(0.5, [20, 60, 10, 30]), (0.5, [1, 1, 1, 1])],
    treatment=[(0.5, [30, 5, 5, 40]), (0.5, [1, 1, 1, 1])],
)
CELLS: Mapping[str, Cell] = {
    "bglm": Cell("BGLM, `arm * x`", 300, _bglm, 200, EITHER),
    "bglmm": Cell("BGLMM, `arm * x`, random `1`", 100, _bglmm, 180, EITHER, clusters=12),
    "bmvb-monotone": Cell("BMVB, the second outcome", 1000, _bmvb(TOGETHER), 120, ONE),
    "bmvb-either": Cell("BMVB, either outcome", 1000, _bmvb(TOGETHER), 120, EITHER),
    "bmvb-three": Cell(
        "BMVB, three outcomes", 500, _bmvb(THREE), 160,
        ((0.4, (2,)), (0.3, (0, 1)), (0.3, (1,))), outcomes=3,
    ),
    "bmvb-mixture": Cell(
        "BMVB, robust mixtures", 500, _bmvb(ROBUST), 120, ((0.7, (1,)), (0.15, (0,))), risk=2.5
    ),
    "bmvb-own": Cell("BMVB, not at random", 300, _bmvb(TOGETHER), 120, EITHER, own=True),
}  # fmt: skip
