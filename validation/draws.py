"""Are the draws of a seed still the same? Five fits, every number compared to the last bit.

    python -m validation.draws before.npz     # writes the draws if there is no such file
    python -m validation.draws before.npz     # with other code: says whether they are equal

Draws are the same on one machine and one version of the software; between processors they may
differ in the last digit.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import bmco_pymc as bmco

SETTINGS = {"draws": 200, "tune": 200, "chains": 2, "seed": 11, "progress": False}


def fits() -> dict[str, bmco.Fit]:
    """Return five fits: each analysis, each family of priors, subjects and clusters randomised."""
    trial = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    sites = bmco.Study(bmco.load_multisite(), ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
    schools = bmco.Study(
        bmco.load_schools(),
        ["math_pass", "reading_pass"],
        "method",
        control="traditional",
        treatment="new_method",
        cluster="school_id",
    )
    wishart, lkj = bmco.Priors.bmco(), bmco.Priors(Sigma=bmco.LKJ(eta=2))
    models = {
        "BMVB": bmco.BMVB(trial),
        "BGLM": bmco.BGLM(trial, "arm * x"),
        "BGLMM, recommended": bmco.BGLMM(schools, "method * baseline_ability", random="1"),
        "BGLMM, inverse-Wishart": bmco.BGLMM(sites, "x + arm:x", "1 + arm", priors=wishart),
        "BGLMM, LKJ": bmco.BGLMM(sites, "arm * x", random="1", priors=lkj),
    }
    return {
        name: model.fit(draws=200, seed=11)
        if isinstance(model, bmco.BMVB)
        else model.fit(**SETTINGS)
        for name, model in models.items()
    }


def draws() -> dict[str, NDArray[np.float64]]:
    """Return every variable of each posterior, and θ and δ of its effect."""
    found: dict[str, NDArray[np.float64]] = {}
    for name, fit in fits().items():
        effect = fit.effect()
        values = {
            **fit.idata["posterior"].to_dataset(),
            "theta": effect.theta,
            "delta": effect.delta,
        }
        found |= {f"{name}: {variable}": array.values for variable, array in values.items()}
    return found


def main(path: Path) -> int:
    """Write the draws, or compare them with those written before."""
    now = draws()
    if not path.exists():
        np.savez(path, allow_pickle=False, **now)
        print(f"{len(now)} arrays of draws written to {path}.")
        return 0
    with np.load(path) as before:
        names = sorted({*before.files, *now})
        other = [
            k for k in names if k not in before or k not in now or not _equal(before[k], now[k])
        ]
    print(f"{len(names) - len(other)} of {len(names)} arrays of draws are equal to the last bit.")
    print(*(f"different: {name}" for name in other), sep="\n", end="\n" if other else "")
    return int(bool(other))


def _equal(one: NDArray[np.float64], two: NDArray[np.float64]) -> bool:
    return one.shape == two.shape and one.tobytes() == two.tobytes()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
