r"""Obesity of children at three occasions, many of them missing: another way to the same posterior.

The Muscatine Coronary Risk Factor Study as geepack has it: 4,856 children, of whom 1,770 were
observed three times; φ of girls and of boys has the prior Dirichlet(1). `BMVB` draws by data
augmentation. Here the means are by importance sampling on the logits of φ, around the mode, from
Student's t; it uses nothing of the package.
"""

from __future__ import annotations

import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

import bmco_pymc as bmco
from validation.calibration_report import markdown

Array = NDArray[np.float64]

TABLE = Path(__file__).parents[1] / "tests" / "reference" / "muscatine_patterns.csv"
OUTCOMES, SEXES = ("1977", "1979", "1981"), ("F", "M")
POINTS, FREEDOM = 400_000, 12
ALL = list(product("10", repeat=3))  # response patterns, all obese first


def importance(number: pd.Series, seed: int) -> tuple[Array, Array]:
    """Return the posterior means of θ of one sex and their standard errors, shape (3,) each.

    Parameters
    ----------
    number : pandas.Series
        Children by observed pattern, such as ``1?0``.
    seed : int
    """
    agree = np.array(
        [[all(s in (c, "?") for s, c in zip(seen, one, strict=True)) for one in ALL]
         for seen in number.index], dtype=float,
    )  # fmt: skip
    many = number.to_numpy(dtype=float)
    total = many.sum() + len(ALL)

    def expected(phi: Array) -> Array:
        share = agree * phi
        return share / share.sum(axis=1, keepdims=True)

    phi = np.full(len(ALL), 1 / len(ALL))
    for _ in range(2_000):  # EM: on the logits, the prior's 1 is one child more of each pattern
        phi = (1 + many @ expected(phi)) / total
    share = expected(phi)
    information = total * (np.diag(phi) - np.outer(phi, phi))
    information -= np.diag(many @ share) - share.T @ (many[:, None] * share)
    root = np.linalg.cholesky(np.linalg.inv(information[:-1, :-1]))

    rng = np.random.default_rng(seed)
    white = rng.standard_normal((POINTS, len(ALL) - 1))
    white /= np.sqrt(rng.chisquare(FREEDOM, (POINTS, 1)) / FREEDOM)
    logit = np.log(phi[:-1] / phi[-1]) + white @ root.T
    log_phi = np.column_stack([logit, np.zeros(POINTS)])
    log_phi -= logsumexp(log_phi, axis=1, keepdims=True)
    drawn = np.exp(log_phi)
    log_weight = np.log(drawn @ agree.T) @ many + log_phi.sum(axis=1)
    log_weight += (FREEDOM + white.shape[1]) / 2 * np.log1p((white**2).sum(axis=1) / FREEDOM)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    theta = drawn @ np.array([[c == "1" for c in one] for one in ALL], dtype=float)
    mean = weight @ theta
    return mean, np.sqrt(weight**2 @ (theta - mean) ** 2)


def study() -> bmco.Study:
    """Return the study: girls the control, boys the treatment."""
    long = pd.read_csv(TABLE, dtype={"pattern": str}).melt("pattern", list(SEXES), "sex", "n")
    for k, name in enumerate(OUTCOMES):
        long[name] = pd.to_numeric(long["pattern"].str[k], errors="coerce")
    return bmco.Study(long, OUTCOMES, "sex", *SEXES, counts="n", missing="mar")


def compared(draws: int = 10_000, seed: int = 1) -> pd.DataFrame:
    """Return the posterior means of θ by `BMVB` and by importance sampling, with their errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)  # patterns without a child
        model = bmco.BMVB(study(), bmco.Priors(phi=bmco.Dirichlet(1)))
        theta = model.fit(draws, seed=seed, progress=False).effect().theta
    theta = theta.stack(sample=("chain", "draw"))
    table = pd.read_csv(TABLE, dtype={"pattern": str}).set_index("pattern")
    found = []
    for sex in SEXES:
        mean, error = importance(table[sex], seed)
        own = theta.sel(group=sex).transpose("outcome", "sample").values
        ours, ours_se = own.mean(axis=1), own.std(axis=1) / np.sqrt(own.shape[1])
        distance = (ours - mean) / np.hypot(error, ours_se)
        for k, name in enumerate(OUTCOMES):
            numbers = ours[k], ours_se[k], mean[k], error[k], distance[k]
            found.append((sex, name, *numbers))
    columns = ["sex", "occasion", "BMVB", "BMVB_se", "importance", "importance_se", "distance"]
    return pd.DataFrame(found, columns=columns)


def page() -> str:
    """Return the comparison as part of a page."""
    table = compared()
    shown = table[["sex", "occasion"]].copy()
    for name in ("BMVB", "importance"):
        both = zip(table[name], table[f"{name}_se"], strict=True)
        shown[name] = [f"{mean:.5f} ± {error:.5f}" for mean, error in both]
    shown["distance"] = [f"{z:.1f}" for z in table["distance"]]
    return f"""\
## Real data, in another way

Obesity of 4,856 children at three occasions, 1,770 of them observed each time (Muscatine Coronary
Risk Factor Study); φ of girls and of boys has the prior Dirichlet(1). Posterior means of θ by
`BMVB`, whose draws are by data augmentation, and by importance sampling, which is code of its own
(`validation/muscatine.py`); the distance is in standard errors.

{markdown(shown)}"""
