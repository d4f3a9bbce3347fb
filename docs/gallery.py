"""Draw every picture of the package: ``python docs/gallery.py FOLDER``.

The pictures are of the three data sets that come with the package, and of studies that are hard to
draw: long labels, one outcome and four, 80 clusters, chains that have not converged. Each is drawn
for a screen, as wide as a column of a journal (85 mm) and as large as a slide; ``index.html`` shows
them side by side. ``--grey`` and ``--simulate`` show them as a copier does and as people with
another colour vision see them.
"""

from __future__ import annotations

import argparse
import html
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import image
from matplotlib.figure import Figure
from numpy.typing import NDArray

import bmco_pymc as bmco

type Pictures = Iterator[tuple[str, Figure]]

COLUMN, SLIDE = 85 / 25.4, (13.3, 7.5)  # inches
CHECKS = ("rates", "correlations", "patterns", "clusters", "calibration")
QUIET: dict[str, Any] = {"seed": 1, "progress": False}
LONG = "{} passed the test at the end of the year ($5 / try, at most $20)"
# What an eye without one of the three kinds of cones makes of linear RGB: Machado, Oliveira &
# Fernandes (2009), https://doi.org/10.1109/TVCG.2009.113, severity 1.
VISION = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
LUMINANCE = (0.2126, 0.7152, 0.0722)  # of linear RGB, ITU-R BT.709


def seen(colours: NDArray[Any], how: str) -> NDArray[np.float64]:
    """Return sRGB colours, shape (..., 3) of 0 to 1, in "grey" or as one of `VISION` sees them."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    matrix = np.tile(LUMINANCE, (3, 1)) if how == "grey" else np.array(VISION[how])
    linear = np.clip(linear @ matrix.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def exact() -> Pictures:
    """Draw what needs no sampler: pattern counts of the trial, and plans."""
    study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    model = bmco.BMVB(study)
    fit = model.fit(draws=500, seed=1)
    yield from of_effect("trial", fit, w=(0.7, 0.3))
    yield from of_chains("trial", fit)
    yield from of_checks("trial", fit)
    yield "trial sensitivity", fit.sensitivity().plot()
    models = {"default": model, "uniform": model.with_priors(phi=bmco.Dirichlet(1))}
    yield "trial comparison", bmco.compare(models, rule="any", **QUIET).plot()
    yield from in_part()
    names = [f"y{k}" for k in range(1, 5)]
    for name, labels in {
        "one outcome": names[:1],
        "four outcomes": names,
        "long labels": [LONG.format(one) for one in ("maths", "reading")],
    }.items():
        data = four_outcomes().rename(columns=dict(zip(names, labels, strict=False)))
        groups = ["ctl", "trt"]
        if name == "long labels":
            groups = ["as before / no change of $_anything_", "the new method / with $_a lot_"]
            data = data.assign(arm=data["arm"].map(dict(zip(("ctl", "trt"), groups, strict=True))))
        fit = bmco.BMVB(bmco.Study(data, labels, "arm", *groups)).fit(draws=500, seed=1)
        yield from of_effect(name, fit)
        yield from of_checks(name, fit)
        yield f"{name} trace", fit.plot_trace()
        yield f"{name} sensitivity", fit.sensitivity().plot()
    yield from planned()


def four_outcomes() -> pd.DataFrame:
    """Return the trial with two more outcomes, of which the last depends on the first."""
    rng = np.random.default_rng(1)
    data = bmco.load_trial()
    more = rng.binomial(1, np.where(data["arm"] == "trt", 0.6, 0.4)[:, None], (len(data), 2)).T
    return data.assign(y3=more[0], y4=np.where(rng.random(len(data)) < 0.5, data["y1"], more[1]))


def in_part() -> Pictures:
    """Draw what some outcomes of some subjects are missing for."""
    data = bmco.load_trial().astype({"y1": float, "y2": float})
    place = np.arange(len(data))
    data["y1"] = data["y1"].mask(place % 7 == 0)
    data["y2"] = data["y2"].mask(place % 5 == 0)
    fit = partly(data)
    yield "missing", fit.plot_missing()
    yield "tipping point", fit.tipping_point().plot()
    yield "tipping point two-sided", fit.tipping_point(direction="two-sided").plot()
    whole = data["arm"] == "trt"
    data.loc[whole, ["y1", "y2"]] = bmco.load_trial().loc[whole, ["y1", "y2"]]
    yield "tipping point of one group", partly(data).tipping_point(rule="any").plot()


def partly(data: pd.DataFrame) -> bmco.Fit:
    """Return a fit of the trial with outcomes missing at random."""
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt", missing="mar")
    return bmco.BMVB(study).fit(draws=500, seed=1)


def planned() -> Pictures:
    """Draw plans that are exact sums."""
    rule = bmco.Rule("all", alpha=0.05)
    analysis = bmco.Analysis(bmco.BMVB, rule=rule)
    hoped = bmco.Scenario(control=[0.4, 0.4], treatment=[0.6, 0.6], rho=[-0.3, 0, 0.3])
    null = bmco.Scenario(control=[0.4, 0.4], treatment=[0.6, 0.4])
    design = bmco.Design(n=60, analysis=analysis, outcomes=["pain relieved", "no side effects"])
    yield "plan power", design.evaluate([hoped, null], progress=False).plot(target=0.8)
    yield "plan size", design.size_for(hoped, power=0.8, progress=False).plot()
    yield "plan type one", design.type_one(progress=False).plot()
    looks = bmco.Design(analysis=analysis, looks=bmco.Looks([20, 40, 60], futility=0.05))
    found = looks.evaluate([hoped, null], progress=False)
    yield "plan boundary", found.plot("boundary")
    yield "plan stopping", found.plot("stopping")


def flat() -> Pictures:
    """Draw a regression of the trial: curves, subgroups, another population."""
    data = bmco.load_trial()
    study = bmco.Study(data, ["y1", "y2"], "arm", "ctl", "trt")
    fit = bmco.BGLM(study, "arm * (x + severity)").fit(draws=500, **QUIET)
    yield from of_effect("regression", fit)
    yield from of_chains("regression", fit)
    yield "regression calibration", fit.plot_check("calibration", draws=200)
    for rule in ("all", "any"):
        yield f"curve {rule}", fit.curve("x", progress=False).plot(rule)
    yield "subgroups", fit.effects_by("severity", progress=False).plot("any")
    yield "subgroups of a number", fit.effects_by("x", bins=5, progress=False).plot("all")
    older = data[["x", "severity"]].assign(x=data["x"] + 0.8)
    yield "overlap", fit.overlap(bmco.Target(older)).plot()
    other = bmco.BMVB(study).fit(draws=500, seed=1)
    compared = bmco.compare({"with covariates": fit, "counts alone": other}, progress=False)
    yield "comparison of models", compared.plot()
    yield "prior theta", fit.model.prior_effect(draws=500).plot_theta()


def clustered() -> Pictures:
    """Draw both studies with clusters."""
    roles = ["y1", "y2"], "arm", "ctl", "trt"
    study = bmco.Study(bmco.load_multisite(), *roles, cluster="site")
    fit = bmco.BGLMM(study, "arm * x", "1 + arm").fit(draws=500, **QUIET)
    yield from of_effect("sites", fit)
    yield from of_clusters("sites", fit)
    schools = bmco.Study(
        bmco.load_schools(),
        outcomes=["math_pass", "reading_pass"],
        group="method",
        control="traditional",
        treatment="new_method",
        cluster="school_id",
    )
    fit = bmco.BGLMM(schools, "method * baseline_ability", "1").fit(draws=500, **QUIET)
    yield from of_effect("schools", fit)
    yield from of_clusters("schools", fit)
    yield "schools sensitivity", fit.sensitivity().plot()
    by_ability = fit.effects_by("baseline_ability", bins=3, progress=False)
    yield "schools subgroups", by_ability.plot("all")
    models = {"default": fit, "bmco": fit.model.with_priors(Sigma=bmco.Priors.bmco().Sigma)}
    yield "schools comparison", bmco.compare(models, draws=500, **QUIET).plot()


def hard() -> Pictures:
    """Draw 80 clusters with long labels, and chains that have not converged."""
    rng = np.random.default_rng(2)
    n, outcomes = 1200, [LONG.format("maths"), "reading"]
    place = rng.integers(0, 80, n)
    data = pd.DataFrame({"school / town": [f"school no. {j} of town ${j % 7}/x" for j in place]})
    data["class size"] = np.where(np.arange(n) % 2, "small", "as it was, without a $ more")
    level = rng.normal(0, 0.8, (80, 2))[place] + 0.4 * (np.arange(n)[:, None] % 2)
    data[outcomes] = (rng.random((n, 2)) < 1 / (1 + np.exp(-level))).astype(int)
    groups = "as it was, without a $ more", "small"
    study = bmco.Study(data, outcomes, "class size", *groups, cluster="school / town")
    model = bmco.BGLMM(study, "`class size`", "1")
    fit = model.fit(draws=250, tune=500, **QUIET)
    yield from of_clusters("80 clusters", fit, most=40)
    yield "80 clusters of 80", fit.plot_clusters(most=80, progress=False)
    yield from of_effect("too few draws", model.fit(draws=30, tune=20, **QUIET))
    sites = bmco.Study(bmco.load_multisite(), ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
    early = bmco.BGLMM(sites, "arm * x", "1 + arm").fit(draws=300, tune=3, **QUIET)
    yield from of_effect("not converged", early)
    yield from of_chains("not converged", early)
    yield from of_clusters("not converged", early)
    yield "not converged subgroups", early.effects_by("x", progress=False).plot("all")
    yield "not converged curve", early.curve("x", progress=False).plot("all")


def of_effect(name: str, fit: bmco.Fit, w: tuple[float, ...] | None = None) -> Pictures:
    """Draw an effect in each way."""
    effect = fit.effect()
    weights = {} if w is None else {"w": w}
    yield f"{name} theta", effect.plot_theta()
    yield f"{name} delta", effect.plot_delta(**weights)
    if len(effect.outcomes) > 1:
        for rule in ("all", "any", *(["comp"] if w else [])):
            joint = effect.plot_joint(rule, outcomes=effect.outcomes[:2], **weights)
            yield f"{name} joint {rule}", joint
    yield f"{name} effect", bmco.plot_effect(effect)


def of_chains(name: str, fit: bmco.Fit) -> Pictures:
    """Draw the chains of the fixed parameters in each way."""
    for kind in ("trace", "density", "autocorr", "rank"):
        yield f"{name} {kind}", getattr(fit, f"plot_{kind}")("fixed")


def of_checks(name: str, fit: bmco.Fit) -> Pictures:
    """Draw each check that a fit has."""
    study = fit.model.study
    missing = {"correlations"} if len(study.outcomes) == 1 else set()
    missing |= {"clusters"} if study.cluster is None else set()
    for kind in CHECKS:
        if kind not in missing:
            yield f"{name} check {kind}", fit.plot_check(kind, draws=200)


def of_clusters(name: str, fit: bmco.Fit, most: int = 60) -> Pictures:
    """Draw what is of clusters, and their covariances' chains."""
    yield from of_checks(name, fit)
    yield f"{name} trace", fit.plot_trace("variance")
    yield f"{name} clusters", fit.plot_clusters(most=most, progress=False)
    yield f"{name} coefficients", fit.plot_clusters("coefficients", most=most)
    yield f"{name} shrinkage", fit.plot_shrinkage(most=most)


PARTS: tuple[Callable[[], Pictures], ...] = (exact, flat, clustered, hard)


def keep(figure: Figure, path: Path, how: str | None, width: int, dpi: int) -> None:
    """Save a figure as a PNG of so many pixels across, and an inch; in other colours if asked."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=width / figure.get_figwidth())
    file.seek(0)
    pixels = np.asarray(image.imread(file))[..., :3]
    image.imsave(path, pixels if how is None else seen(pixels, how), dpi=dpi)


def main() -> None:
    """Draw all into a folder."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=FORMATTER)
    parser.add_argument("folder", type=Path)
    colours = parser.add_mutually_exclusive_group()
    colours.add_argument("--grey", dest="how", action="store_const", const="grey")
    colours.add_argument("--simulate", dest="how", choices=VISION)
    asked = parser.parse_args()
    mpl.use("Agg")
    warnings.simplefilter("ignore", bmco.InputWarning)
    warnings.simplefilter("ignore", bmco.ConvergenceWarning)
    for size in ("screen", "column", "slide"):
        (asked.folder / size).mkdir(parents=True, exist_ok=True)
    names = []
    for part in PARTS:
        for name, figure in part():
            names.append(f"{name.replace(' ', '-')}.png")
            width, height = figure.get_size_inches()
            slide = min(SLIDE[0], SLIDE[1] * width / height)
            for size, (inches, dpi) in {
                "screen": (width, 100),
                "column": (COLUMN, 300),
                "slide": (slide, 100),
            }.items():
                path = asked.folder / size / names[-1]
                keep(figure, path, asked.how, round(inches * dpi), dpi)
            print(name, flush=True)
    pictures = [
        f'<figure><img src="screen/{html.escape(name)}" alt=""><figcaption>{html.escape(name)}'
        "</figcaption></figure>"
        for name in names
    ]
    (asked.folder / "index.html").write_text("\n".join(pictures), encoding="utf-8")


FORMATTER = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    main()
