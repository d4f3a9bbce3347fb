"""One trial with its covariate in other units: what each prior makes of the same data.

``python -m validation.units`` prints the table of ``UNITS.md``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import logsumexp, softmax

import bmco_pymc as bmco

Array = NDArray[np.float64]

OUTCOMES = ["y1", "y2"]
SUBJECTS = 1600
# Intercept, arm, x and arm:x of the log odds of 11, 10 and 01 against 00, x in SDs from its mean.
TRUTH = np.array([[0.3, 0.0, 0.1, 1.1], [0.0, 0.0, -0.1, 1.3], [0.1, 0.0, 0.1, 0.1]]).T
UNITS: Mapping[str, tuple[float, float]] = {
    "standardised": (0.0, 1.0),
    "ability, 50 ± 10": (50.0, 10.0),
    "blood pressure, 130 ± 15 mmHg": (130.0, 15.0),
    "height, 170 ± 9 cm": (170.0, 9.0),
    "gestation, 280 ± 10 days": (280.0, 10.0),
    "temperature, 37 ± 0.6 °C": (37.0, 0.6),
    "calendar year, 2015 ± 3": (2015.0, 3.0),
    "concentration, 3e-6 ± 1e-6 mol/l": (3e-6, 1e-6),
}


def trial(subjects: int = SUBJECTS, seed: int = 1) -> pd.DataFrame:
    """Return a trial whose effect is modified by x, which has mean 0 and SD 1 in the sample."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=subjects)
    x = (x - x.mean()) / x.std(ddof=1)
    arm = rng.permutation(np.arange(subjects) % 2)
    eta = _design(x, arm) @ TRUTH
    phi = softmax(np.column_stack([eta, np.zeros(subjects)]), axis=1)
    pattern = (rng.random(subjects)[:, None] > phi.cumsum(axis=1)).sum(axis=1)
    y1, y2 = (np.isin(pattern, codes).astype(int) for codes in ([0, 1], [0, 2]))
    return pd.DataFrame({"arm": np.where(arm, "new", "old"), "x": x, "y1": y1, "y2": y2})


def study(frame: pd.DataFrame, mean: float = 0.0, sd: float = 1.0) -> bmco.Study:
    """Return the study of a trial with x in other units."""
    return bmco.Study(frame.assign(x=mean + sd * frame["x"]), OUTCOMES, "arm", "old", "new")


def maximum_likelihood(frame: pd.DataFrame, x: float = -1.0) -> Array:
    """Return δ of both outcomes at x by maximum likelihood; uses nothing of the package."""
    arm = np.where(frame["arm"] == "new", 1, 0)
    design = _design(frame["x"].to_numpy(), arm)
    observed = 3 - 2 * frame["y1"].to_numpy() - frame["y2"].to_numpy()  # 11, 10, 01, 00

    def loss(flat: Array) -> tuple[float, Array]:
        eta = np.column_stack([design @ flat.reshape(4, 3), np.zeros(len(design))])
        norm = logsumexp(eta, axis=1)
        rows = np.arange(len(eta))
        residual = np.exp(eta - norm[:, None])
        residual[rows, observed] -= 1
        return float((norm - eta[rows, observed]).sum()), (design.T @ residual[:, :3]).ravel()

    best = optimize.minimize(loss, np.zeros(12), jac=True, options={"gtol": 1e-6})
    coefficients = best.x.reshape(4, 3)
    rows = _design(np.full(2, x), np.array([0, 1])) @ coefficients
    phi = softmax(np.column_stack([rows, np.zeros(2)]), axis=1)
    theta = np.stack([phi[:, 0] + phi[:, 1], phi[:, 0] + phi[:, 2]], axis=1)
    return np.asarray(theta[1] - theta[0])


def _design(x: Array, arm: Array | NDArray[np.int64]) -> Array:
    return np.column_stack([np.ones(len(x)), arm, x, arm * x])


def main() -> None:
    """Print δ of the first outcome at one SD below the mean, in each unit and with each prior."""
    warnings.simplefilter("ignore", bmco.InputWarning)
    frame, rows = trial(), []
    for mean, sd in UNITS.values():
        for priors in (bmco.Priors(), bmco.Priors.bmco()):
            model = bmco.BGLM(study(frame, mean, sd), "arm * x", priors)
            effect = model.fit(seed=1, progress=False).effect(bmco.Value(mean - sd))
            rows.append(effect.summary().loc["delta[y1]", ["mean", "sd", "mcse"]])
    table = np.array(rows).reshape(len(UNITS), 2, 3)
    print("| covariate | default | `Priors.bmco()` |\n| --- | --- | --- |")
    for name, (ours, theirs) in zip(UNITS, table[..., 0], strict=True):
        print(f"| {name} | {ours:.3f} | {theirs:.3f} |")
    print(f"\nMaximum likelihood: {maximum_likelihood(frame)[0]:.3f}")
    print(f"Posterior SD: {table[0, 0, 1]:.3f}; largest MCSE: {table[..., 2].max():.5f}")


if __name__ == "__main__":
    main()
