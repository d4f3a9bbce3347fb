"""The analyses and priors that are calibrated, and how each is sampled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import bmco_pymc as bmco

RANKED = 99  # draws of a posterior, thinned from all
DRAWS, TUNE, CHAINS = 600, 500, 2

type Maker = Callable[[bmco.BGLM | bmco.BGLMM], bmco.Priors]

UNIT = bmco.Normal(0, sd=1)
PROPER = bmco.InverseWishart(6, [[1.5, 0.3], [0.3, 0.9]])


def _family(Sigma: bmco.InverseWishart | bmco.LKJ) -> Maker:
    return lambda model: bmco.Priors(beta=UNIT, gamma=UNIT, Sigma=Sigma)


@dataclass(frozen=True)
class Cell:
    """An analysis with a prior.

    Attributes
    ----------
    title : str
    priors : callable
        From the model to its priors, which may depend on the covariates but not on the outcomes.
    random : str, optional
        Random terms; without, there are no clusters.
    whole : bool
        Whether whole clusters are randomised.
    outcomes : int
    """

    title: str
    priors: Maker
    random: str | None = None
    whole: bool = False
    outcomes: int = 2


RECOMMENDED: Maker = bmco.Priors.recommended
SLOPE, SUBJECTS, WHOLE = "1 + arm", "BGLMM, subjects randomised", "BGLMM, whole clusters randomised"
CELLS: Mapping[str, Cell] = {
    "flat-recommended": Cell("BGLM, recommended", RECOMMENDED),
    "flat-normal": Cell("BGLM, N(0, 1)", lambda model: bmco.Priors(beta=UNIT)),
    "flat-bmco": Cell("BGLM, bmco's N(0, 10)", lambda model: bmco.Priors.bmco()),
    "flat-three": Cell("BGLM, recommended, three outcomes", RECOMMENDED, outcomes=3),
    "subjects-recommended": Cell(f"{SUBJECTS}, recommended", RECOMMENDED, SLOPE),
    "subjects-wishart": Cell(f"{SUBJECTS}, inverse-Wishart", _family(PROPER), SLOPE),
    "subjects-lkj": Cell(f"{SUBJECTS}, LKJ by logit", _family(bmco.LKJ(2)), SLOPE),
    "whole-recommended": Cell(f"{WHOLE}, recommended", RECOMMENDED, SLOPE, whole=True),
    "whole-wishart": Cell(f"{WHOLE}, inverse-Wishart", _family(PROPER), SLOPE, whole=True),
    "whole-lkj": Cell(f"{WHOLE}, LKJ by logit", _family(bmco.LKJ(2)), SLOPE, whole=True),
    "whole-intercept": Cell(f"{WHOLE}, random intercept, recommended", RECOMMENDED, "1", True),
}
